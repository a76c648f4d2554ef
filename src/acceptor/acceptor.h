/*
 * The acceptor: accept(2), then fork(2), and nothing else.  It never reads
 * a byte that a client sent.
 */

#ifndef ACCEPTOR_ACCEPTOR_H
#define ACCEPTOR_ACCEPTOR_H

#include "common/config.h"
#include "common/title.h"

/* Of the process, beside its title. */
#define ACCEPTOR_NAME "kvd-acceptor"

/*
 * Accepts until told to stop, and then until its workers have ended; returns
 * the process's exit status.  Also returns, with the same promise, in each
 * worker that it forks.
 *
 * When a worker has died by a signal, the process executes its program again
 * (CHANNEL_PROGRAM_FD), keeping its workers.
 */
int acceptor_main(struct config *, const struct title *);

#endif
