/*
 * The acceptor: accept(2), then fork(2), and nothing else.  It never reads
 * a byte that a client sent.
 */

#ifndef ACCEPTOR_ACCEPTOR_H
#define ACCEPTOR_ACCEPTOR_H

#include "common/config.h"
#include "common/title.h"

/*
 * Accepts until told to stop, and then until its workers have ended; returns
 * the process's exit status.  Also returns, with the same promise, in each
 * worker that it forks.
 *
 * When a worker has died by a signal, the process executes `program` again,
 * keeping its workers.
 */
int acceptor_main(struct config *, char *program, const struct title *);

#endif
