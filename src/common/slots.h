/*
 * The scoreboard's slots as they lie in shared memory, and what is counted
 * over them.  For the files of the scoreboard only.  Nothing here locks: the
 * caller holds the lock (common/scoreboard_lock.h), unless a comment says
 * that it need not.
 *
 * Each slot's `owner` and `pid` are the truth.  They are single words that are
 * written atomically, so they are right whenever a process dies.  Everything
 * else is derived from them, for speed, and slots_recount() derives it anew.
 */

#ifndef COMMON_SLOTS_H
#define COMMON_SLOTS_H

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/activity.h"
#include "common/scoreboard.h"

/* The number of lists of slots by source; a hash chooses among them. */
#define SLOTS_LISTS 4096

struct slot {
	pid_t owner; /* the acceptor, or the master; 0: the slot is free */
	pid_t pid; /* the worker; 0: it is not known yet */
	uint32_t next, previous; /* in the list of its source; if the slot is
				  * free, `next` is the next free one */
	sa_family_t family;
	in_port_t port; /* in network order */
	uint8_t address[16];
	uid_t peer_uid; /* of a Unix socket's client */
	pid_t peer_pid; /* 0: it is not known */
	int64_t started_ms;
	uint64_t id; /* of the connection; no other one has it */
	uint64_t session; /* random, and known to this worker only; 0: none */
};

/*
 * The shared memory, all zero when it is made.  SCOREBOARD_NONE ends a list.
 *
 * `totals` has what the workers of released slots have counted.  Each slot is
 * folded into them exactly once, even if the process that does it is killed at
 * any instruction.  One of the two arrays is valid: the one that the lowest bit
 * of `folded` says.  To fold a slot, its numbers and the valid array are added
 * up in the other array, and then `folded` is set, by one atomic store, to the
 * slot's id and the number of that array.  A process that dies before this
 * store has changed nothing that counts; the slot still has its owner, and
 * whoever releases it folds it.  One that dies after the store leaves a slot
 * that has an owner and is named by `folded`: the next process to get the lock
 * finds that in slots_recount(), before anybody folds another slot, and frees
 * it.  Only slots whose worker is dead are folded, so the numbers stand still.
 */
struct slots {
	pthread_mutex_t lock; /* robust: see common/scoreboard_lock.h */
	uint32_t live; /* slots that have an owner */
	uint32_t free; /* the first free slot below `high` */
	uint32_t high; /* slots from here on have never been used */
	uint32_t admission; /* enum scoreboard_admission; the master writes it,
			     * without the lock */
	uint64_t last_id; /* ids are given in ascending order */
	uint64_t folded; /* twice the id of the slot folded last, plus 0 or 1 */
	uint64_t totals[2][COUNTERS_OF_WORKERS];
	uint32_t lists[SLOTS_LISTS];
	struct slot slots[SCOREBOARD_MAX];
};

/* Empties the lists.  The lock is the caller's to initialize. */
void slots_init(struct slots *);
/* Rebuilds what is derived, after a process has died in the middle of a
 * change. */
void slots_recount(struct slots *);

/* Has the slot's client an address that can be counted?  Needs no lock. */
bool slots_has_source(const struct slot *);
/* Do `max` slots or more have the same source as this one?  0 is no limit. */
bool slots_source_is_full(const struct slots *, const struct slot *,
    int64_t max);

/* Is the slot in use, and is this its session?  Needs no lock: if it is used
 * anew meanwhile, it has another session. */
bool slots_have(const struct slots *, uint32_t, uint64_t session);
/* Needs no lock. */
pid_t slots_pid(const struct slots *, uint32_t);

/* Copies a slot to a free place and gives it to `owner`.  There must be one:
 * `live` is below SCOREBOARD_MAX.  Returns its number. */
uint32_t slots_take(struct slots *, const struct slot *, pid_t owner);
/* Releases a slot that never had a worker. */
void slots_cancel(struct slots *, uint32_t);
/* Folds what a slot's worker has done, and releases the slot. */
void slots_release(struct slots *, uint32_t, const struct activity *,
    enum close_reason);
/* The valid totals (COUNTERS_OF_WORKERS numbers). */
const uint64_t *slots_totals(const struct slots *);
/* Needs no lock, if the caller owns the slot. */
void slots_set_pid(struct slots *, uint32_t, pid_t);
/* All slots of one owner become another's. */
void slots_hand_over(struct slots *, pid_t from, pid_t to);
/* The owner's slot whose worker is not known, or SCOREBOARD_NONE.  There is at
 * most one: an acceptor forks one worker at a time.  Needs no lock, if the
 * owner is dead or the caller. */
uint32_t slots_find_without_pid(const struct slots *, pid_t owner);

#endif
