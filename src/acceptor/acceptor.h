/*
 * The acceptor: it calls accept(2) and fork(2), and does nothing else.  It
 * never looks at a byte that a client sent.
 */

#ifndef ACCEPTOR_ACCEPTOR_H
#define ACCEPTOR_ACCEPTOR_H

#include <stdbool.h>

#include "common/channel.h"
#include "common/title.h"

/* The name of the program.  ps(1) shows it where it does not show the title. */
#define ACCEPTOR_NAME "kvd-acceptor"

/*
 * Accepts clients until kvd stops, then waits until all workers have ended.
 * Returns the exit status of the process.  It also returns in each worker that
 * it forks, when that has ended its work (worker_run()).
 *
 * When a signal has killed a worker, the process executes its own program again
 * (CHANNEL_PROGRAM_FD) with one more argument, which is `again` here, and keeps
 * its workers.  It cannot when its root has been changed: then it asks the master
 * for another acceptor in its place.
 */
int acceptor_main(struct config *, const struct startup_params *,
    const struct title *, bool again);

#endif
