/*
 * recorder: see recorder.h.
 */

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "torture/recorder.h"

static void
forget(struct recorder *r)
{
	size_t i;

	for (i = 0; i < r->slots; i++)
		r->versions[i] = RECORDER_UNKNOWN;
	r->n = r->closed = 0;
}

void
recorder_init(struct recorder *r, size_t slots)
{
	*r = (struct recorder){ .slots = slots };
	r->versions = calloc(slots, sizeof(*r->versions));
	if (r->versions == NULL)
		err(EX_OSERR, NULL);
	forget(r);
}

void
recorder_clear(struct recorder *r)
{
	free(r->versions);
	free(r->events);
}

void
recorder_note(struct recorder *r, size_t slot, uint64_t version)
{
	if (slot >= r->slots)
		return;
	if (r->n == r->room) {
		r->room = r->room == 0 ? 1024 : 2 * r->room;
		r->events =
		    reallocarray(r->events, r->room, sizeof(*r->events));
		if (r->events == NULL)
			err(EX_OSERR, NULL);
	}
	r->events[r->n++] = (struct recorded){ slot, version, 0 };
}

/* Takes the events up to a revision into the state. */
static void
apply(struct recorder *r, uint64_t revision)
{
	size_t i;

	for (i = 0; i < r->closed && r->events[i].revision <= revision; i++)
		r->versions[r->events[i].slot] = r->events[i].version;
	memmove(r->events, r->events + i, (r->n - i) * sizeof(*r->events));
	r->n -= i;
	r->closed -= i;
}

void
recorder_at(struct recorder *r, uint64_t revision)
{
	while (r->closed < r->n)
		r->events[r->closed++].revision = revision;
	r->revision = revision;
	if (!r->held && r->n > 0)
		apply(r, revision);
}

/* The events that come next have no state that they could follow. */
void
recorder_miss(struct recorder *r)
{
	forget(r);
}

void
recorder_cut(struct recorder *r)
{
	r->n = r->closed;
}

void
recorder_hold(struct recorder *r)
{
	r->held = true;
}

void
recorder_go_to(struct recorder *r, uint64_t revision)
{
	if (r->n > 0)
		apply(r, revision);
}

void
recorder_release(struct recorder *r)
{
	r->held = false;
	if (r->n > 0)
		apply(r, r->revision);
}
