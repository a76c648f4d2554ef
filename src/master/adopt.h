/*
 * Takes over the workers of an acceptor that has died.  From then on the master
 * reaps them, reports their crashes and releases their slots of the scoreboard.
 */

#ifndef MASTER_ADOPT_H
#define MASTER_ADOPT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "master/state.h"

struct rusage;

/* Returns 0, or -1 with errno. */
int adopt_init(struct master *);
void adopt_clear(struct master *);
/* Is this process a worker?  Its name and its parent say so. */
bool adopt_is_worker(const struct master *, pid_t);
/* Is this process an adopted worker? */
bool adopt_knows(struct master *, pid_t);
/*
 * Adopts the workers of an acceptor that is dead and has been reaped.  All of
 * them must be children of this process, dead or alive: none of them may have
 * been reaped since the acceptor died.  If memory or descriptors are so short
 * that a worker cannot be looked for, adopt_run() adopts them.
 */
void adopt_workers(struct master *, pid_t acceptor);
/* Adopts those that adopt_workers() could not adopt.  Returns when to call this
 * again, or CLOCK_NEVER. */
int64_t adopt_run(struct master *, int64_t now_ms);
/* A process was reaped; if it is an adopted worker, reports its crash and
 * releases its slot. */
void adopt_ended(struct master *, pid_t, int status, const struct rusage *);
/* When kvd stops: waits for all adopted workers, and kills those that do not
 * end in time. */
void adopt_await(struct master *);

#endif
