/*
 * What a worker does and has done, in a page or two of the scoreboard's memory
 * that only this worker maps.  The worker writes here as it goes on, without a
 * lock or an atomic addition; others read it: for crash reports, for lists of
 * clients, and for the sums of counters.  They trust nothing in it: a worker
 * may be its client's by now.
 *
 * The memory of the client before is still there when a worker begins.  The
 * worker first sets `id` to 0, clears the rest, and sets `id` to that of its
 * slot.  So until a worker has done this, and if it dies before, the numbers
 * there are nobody's: activity_is_of() is false.  The numbers of a command are
 * cleared when the worker executes the first of this command, and have a
 * meaning only if `used` says so: most workers touch only the first page.
 */

#ifndef COMMON_ACTIVITY_H
#define COMMON_ACTIVITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/counters.h"

#define ACTIVITY_COMMAND_SIZE 32

struct activity_command {
	uint64_t errors;
	uint64_t times[COUNTERS_HISTOGRAM];
};

struct activity {
	uint64_t id; /* the slot's; 0: nothing here is valid */
	/* The command under way, NUL-terminated; "" when idle. */
	char command[ACTIVITY_COMMAND_SIZE];
	uint32_t reason; /* enum close_reason, once the worker ends */
	/* The system call that its sandbox did not allow, plus 1; 0: none. */
	uint32_t violation;
	uint32_t subscriptions;
	uint32_t queued; /* requests in the open transaction, plus 1; 0: none */
	uint64_t wants_out; /* bytes that the client does not take now */
	int64_t active_ms; /* clock_ms() of the last input that was executed */
	int64_t listing_ms; /* when the listing under way began; 0: none */
	uint64_t commands; /* lines executed */
	uint64_t received, sent; /* bytes from and to the client */
	uint64_t local_hits; /* requests answered without the registry */
	uint64_t used; /* bit n: commands[n] is valid */
	struct activity_command commands_of[COUNTERS_COMMANDS];
};

_Static_assert(COUNTERS_COMMANDS <= 64, "`used` has a bit for each");

/* Worker: begins to use its memory. */
static inline void
activity_begin(struct activity *a, uint64_t id, int64_t now_ms)
{
	__atomic_store_n(&a->id, 0, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memset((char *)a + sizeof(a->id), 0,
	    offsetof(struct activity, commands_of) - sizeof(a->id));
	a->active_ms = now_ms;
	__atomic_store_n(&a->id, id, __ATOMIC_RELEASE);
}

/* Worker: the numbers of a command, cleared at its first. */
static inline struct activity_command *
activity_command(struct activity *a, size_t n)
{
	struct activity_command *c = &a->commands_of[n];

	if ((a->used & UINT64_C(1) << n) == 0) {
		memset(c, 0, sizeof(*c));
		__atomic_store_n(&a->used, a->used | UINT64_C(1) << n,
		    __ATOMIC_RELEASE);
	}
	return c;
}

/* Are the numbers those of the client with this id? */
static inline bool
activity_is_of(const struct activity *a, uint64_t id)
{
	return a->id == id && id != 0;
}

/* The system call that the sandbox did not allow, or -1. */
static inline long
activity_violation(const struct activity *a)
{
	return (long)a->violation - 1;
}

/* Adds the numbers to `totals` (COUNTERS_OF_WORKERS). */
void activity_add(const struct activity *, uint64_t *totals);

#endif
