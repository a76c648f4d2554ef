/*
 * Confines the acceptor and its workers (common/sandbox.h, common/landlock.h).
 */

#ifndef ACCEPTOR_CONFINE_H
#define ACCEPTOR_CONFINE_H

#include "acceptor/state.h"
#include "common/channel.h"

/*
 * Confines the acceptor, and keeps a copy of the workers' filter.  An acceptor
 * that has executed itself again is confined already.  The struct must stay
 * where it is.  Logs what fails, and exits then.
 */
void confine_acceptor(struct acceptor *, const struct startup_params *);
/* In a new worker: allows it only what it needs to serve its client.  Logs what
 * fails, and exits then. */
void confine_worker(const struct acceptor *);

#endif
