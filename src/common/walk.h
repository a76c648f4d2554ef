/*
 * With what `kvd-maintain walk' exits, which the master starts when processes
 * crash on the store (master/walk.h).  Its standard output has lines for the
 * log; an empty one says that it has not ended, and does not hang.
 */

#ifndef COMMON_WALK_H
#define COMMON_WALK_H

#include <sysexits.h>

enum walk_status {
	WALK_IS_SOUND = EX_OK, /* nothing is damaged */
	WALK_IS_DAMAGED = 1, /* buckets are; the next start knows which */
	WALK_IS_SAME = 2, /* the same, and this start knew all of them */
	WALK_IS_NONE = 3, /* there is no store that could be looked at */
	WALK_IS_LOST = EX_DATAERR, /* the store is not to be served */
	/* Any other: nobody knows. */
};

/* How often it says something at least, unless it hangs. */
#define WALK_ALIVE_MS 1000

#endif
