/*
 * The time slice of a turn.  When it is over no further request is executed in
 * this turn: the requests that are left come first in the next.  So all who ask
 * for little, and the master that asks whether the registry still lives, wait
 * for a bounded time, however much others ask for.  What a single request may
 * cost is bounded where it is executed.
 */

#ifndef REGISTRY_SLICE_H
#define REGISTRY_SLICE_H

#include <stdbool.h>
#include <stdint.h>

struct slice {
	int64_t until_us; /* by clock_us() */
	int64_t now_us; /* when the clock was last looked at */
	unsigned int requests; /* since the clock was looked at */
	bool over;
};

/* Begins a slice: its turn has done nothing yet. */
void slice_begin(struct slice *);
/* Looks at the clock. */
void slice_look(struct slice *);
/* A request was executed: looks at the clock now and then, and if this one was
 * large. */
void slice_count(struct slice *, bool large);

#endif
