/*
 * The scoreboard's lock, and what happens when its holder dies or stops.
 *
 * It is a robust mutex (pthread_mutexattr_setrobust(3)).  A holder that dies
 * may have stopped in the middle of any change.  The kernel then gives the lock
 * to the next process that wants it, and that process recounts
 * (slots_recount()) before it goes on.  If it dies as well while it recounts,
 * the next one does it: only the slots' owners and pids have to be right.
 *
 * A holder that is stopped (SIGSTOP), or hangs, keeps the lock.  Acceptors wait
 * for it, without an end: the master finds them hung.  The master itself must
 * not wait for long, and kills the holder.
 */

#ifndef COMMON_SCOREBOARD_LOCK_H
#define COMMON_SCOREBOARD_LOCK_H

#include <sys/types.h>

#include <stdbool.h>

#include "common/slots.h"

/* Returns 0 or an error number. */
int scoreboard_lock_init(struct slots *);
/* Acceptor: waits for as long as it takes. */
void scoreboard_lock(struct slots *);
/* Master: waits for a second.  Returns 0 when it has the lock, or else the pid
 * of the process that has held it for so long. */
pid_t scoreboard_lock_soon(struct slots *);
/* Master: tries for some milliseconds.  Returns whether it has the lock. */
bool scoreboard_try_lock(struct slots *);
void scoreboard_unlock(struct slots *);

#endif
