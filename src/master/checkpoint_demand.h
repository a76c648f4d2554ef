/*
 * Checkpoints on request: SIGUSR1 and kvctl(8) ask for one, the registry makes
 * it.  One is under way at a time.  Who asks meanwhile is answered by the next
 * one, which has what was written until then.
 */

#ifndef MASTER_CHECKPOINT_DEMAND_H
#define MASTER_CHECKPOINT_DEMAND_H

#include <stdint.h>

#include "master/state.h"

/* Returns the round that answers: it is over when `done` has come so far. */
uint64_t checkpoint_ask(struct master *);
/* The registry is ready: tells it what it has to answer. */
void checkpoint_tell_registry(struct master *);
/* The registry has made one, of all up to this revision. */
void checkpoint_made(struct master *, uint64_t revision);

#endif
