/*
 * When the registry or the checkpointer crash or hang again and again, a page
 * of the store may be damaged: LMDB trusts its pages.  Then both are ended, and
 * before they start again a process of its own, `kvd-maintain walk', looks what
 * of the store can still be served (common/walk.h).  It may crash or hang, too;
 * the master never waits for it.
 */

#ifndef MASTER_WALK_H
#define MASTER_WALK_H

#include <sys/types.h>

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct master;
struct child;

/* How much of a line for the log is kept, NUL included. */
#define WALK_LINE_SIZE 1300

/* In the master's state. */
struct walk {
	int64_t crashed_ms; /* the last crash; CLOCK_NEVER: none that counts */
	int64_t
	    not_before_ms; /* a walk found nothing: no other one until then */
	bool wanted; /* as soon as both processes have ended */
	bool at_start; /* nothing has crashed: damage was known before */
	unsigned int failures; /* walks in a row that could not say anything; */
	int64_t failed_ms; /* the last one */
	bool fruitless; /* the last one found no reason for the crash */
	pid_t pid; /* 0: none runs */
	int fd; /* what it says; -1: closed */
	int64_t deadline_ms; /* it hangs if it says nothing until then */
	bool killed;
	size_t line_size; /* of a line that is not whole yet */
	char line[WALK_LINE_SIZE];
};

void walk_init(struct walk *);
/* Before anything is started: if damage is known, looks whether it is mended. */
void walk_look(struct master *);
/*
 * A child has ended unasked.  Returns whether a walk follows, after which it is
 * to be started again.  `hung`: it did not answer, or did not start in time.
 */
bool walk_follows(struct master *, const struct child *, int status, bool hung);
/* May the child not be started now? */
bool walk_holds(const struct master *, const struct child *);
bool walk_is_under_way(const struct master *);
/* Starts it when it is time, and kills it when it hangs.  Returns when to call
 * this again, unless something happens before. */
int64_t walk_run(struct master *, int64_t now_ms);
/* It has said something. */
void walk_read(struct master *);
/* A process was reaped.  False: it was another one. */
bool walk_ended(struct master *, pid_t, int status);
/* kvd stops. */
void walk_stop(struct master *);

#endif
