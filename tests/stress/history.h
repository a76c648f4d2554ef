/*
 * history: what was sent and what was seen, and in which order, so that a
 * failure can be explained.  The last HISTORY_EVENTS are kept.
 *
 * Time is the number of calls of send(2) and recv(2) so far.  One thread makes
 * them all, so that an operation whose reply was received by one call precedes
 * all that is sent by a later one; a clock would not be as exact.
 */

#ifndef STRESS_HISTORY_H
#define STRESS_HISTORY_H

#include <stdint.h>

#include "stress/cell.h"

/* A power of two. */
#define HISTORY_EVENTS 65536

enum history_what {
	HISTORY_WRITE, /* a write has been answered */
	HISTORY_READ,
	HISTORY_WRONG, /* a read that cannot be right */
};

struct history_event {
	uint64_t start, end; /* in calls */
	uint32_t cell;
	uint32_t conn; /* the number of the client */
	uint32_t seen; /* contents, see cell.h */
	uint32_t at_least; /* of a read */
	uint32_t step;
	enum history_what what;
};

struct history {
	uint64_t calls; /* the time */
	uint64_t count;
	struct history_event events[HISTORY_EVENTS];
};

static inline void
history_add(struct history *h, const struct history_event *e)
{
	h->events[h->count++ % HISTORY_EVENTS] = *e;
}

/* Prints the last events of a cell to stdout. */
void history_print(const struct history *, uint32_t cell);

#endif
