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
	int64_t started_ms;
	uint64_t session; /* random, and known to this worker only; 0: none */
};

/* The shared memory, all zero when it is made.  SCOREBOARD_NONE ends a list. */
struct slots {
	pthread_mutex_t lock; /* robust: see common/scoreboard_lock.h */
	uint32_t live; /* slots that have an owner */
	uint32_t free; /* the first free slot below `high` */
	uint32_t high; /* slots from here on have never been used */
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
void slots_release(struct slots *, uint32_t);
/* Needs no lock, if the caller owns the slot. */
void slots_set_pid(struct slots *, uint32_t, pid_t);
/* All slots of one owner become another's. */
void slots_hand_over(struct slots *, pid_t from, pid_t to);
/* The owner's slot whose worker is not known, or SCOREBOARD_NONE.  There is at
 * most one: an acceptor forks one worker at a time.  Needs no lock, if the
 * owner is dead or the caller. */
uint32_t slots_find_without_pid(const struct slots *, pid_t owner);

#endif
