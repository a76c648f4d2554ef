/*
 * history: see history.h.
 */

#include <inttypes.h>
#include <stdio.h>

#include "stress/history.h"

/* The number of events that are printed. */
#define PRINT_MAX 40

static const char *
content_text(uint32_t seen)
{
	if (seen == CELL_VALUE)
		return "a value";
	return seen == CELL_NO_BUCKET ? "no bucket" : "absent";
}

static void
print_event(const struct history_event *e)
{
	printf("\tfrom %" PRIu64 " to %" PRIu64 ": client %u ", e->start,
	    e->end, e->conn);
	if (e->what == HISTORY_WRITE)
		printf("did step %u: %s\n", e->step, content_text(e->seen));
	else
		printf("read %s, step %u; at least %u was expected%s\n",
		    content_text(e->seen), e->step, e->at_least,
		    e->what == HISTORY_WRONG ? ": WRONG" : "");
}

/* The event of the cell before this one; 0 if there is none. */
static uint64_t
find_before(const struct history *h, uint32_t cell, uint64_t n)
{
	uint64_t kept = h->count < HISTORY_EVENTS ? h->count : HISTORY_EVENTS;

	while (n > h->count - kept + 1)
		if (h->events[(--n - 1) % HISTORY_EVENTS].cell == cell)
			return n;
	return 0;
}

void
history_print(const struct history *h, uint32_t cell)
{
	uint64_t found[PRINT_MAX], n = h->count + 1;
	int count = 0;

	while (count < PRINT_MAX && (n = find_before(h, cell, n)) > 0)
		found[count++] = n;
	printf("The last events of cell %u, in calls of send and recv:\n",
	    cell);
	while (count-- > 0)
		print_event(&h->events[(found[count] - 1) % HISTORY_EVENTS]);
	(void)fflush(stdout);
}
