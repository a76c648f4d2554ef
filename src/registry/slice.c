/*
 * slice: how long a turn may take.  Runs in the registry.
 */

#include "common/clock.h"
#include "registry/slice.h"

/*
 * With sync(2) in it a commit takes some milliseconds, so a slice is long
 * enough for some thousand requests to share one; and somebody who waits for
 * two turns does not notice.
 */
#define SLICE_US 20000
/* Looking at the clock costs as much as some percent of a request. */
#define LOOK_EVERY 16

void
slice_begin(struct slice *s)
{
	*s = (struct slice){ .now_us = clock_us() };
	s->until_us = s->now_us + SLICE_US;
}

void
slice_look(struct slice *s)
{
	s->requests = 0;
	s->now_us = clock_us();
	s->over = s->now_us >= s->until_us;
}

void
slice_count(struct slice *s, bool large)
{
	if (large || ++s->requests == LOOK_EVERY)
		slice_look(s);
}
