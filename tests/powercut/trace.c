/*
 * trace: a list of events in shared memory.
 */

#include <sys/mman.h>

#include <err.h>
#include <string.h>
#include <sysexits.h>

#include "powercut/trace.h"

/* Far more than a life writes. */
#define TRACE_MAX ((size_t)256 << 20)

const char *const trace_names[TRACE_FILES] = { "log.1", "log.2", "data.mdb" };

struct trace *
trace_new(void)
{
	struct trace *t;

	t = mmap(NULL, TRACE_MAX, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t == MAP_FAILED)
		err(EX_OSERR, "no memory for the trace");
	return t;
}

void
trace_clear(struct trace *t)
{
	t->used = t->lost = 0;
}

static size_t
event_size(const struct trace_event *e)
{
	return sizeof(*e) + (e->size + 7) / 8 * 8;
}

void
trace_add(struct trace *t, const struct trace_event *e, const void *data)
{
	uint8_t *p = t->events + t->used;

	if (event_size(e) > TRACE_MAX - sizeof(*t) - t->used) {
		t->lost++;
		return;
	}
	memcpy(p, e, sizeof(*e));
	if (e->size > 0)
		memcpy(p + sizeof(*e), data, e->size);
	t->used += event_size(e);
}

const struct trace_event *
trace_next(const struct trace *t, const struct trace_event *e)
{
	size_t at = 0;

	if (e != NULL)
		at = (size_t)((const uint8_t *)e - t->events) + event_size(e);
	return at < t->used ? (const void *)(t->events + at) : NULL;
}
