/*
 * The master: binds the sockets, starts the registry and then the acceptors,
 * restarts those that die, and stops them in reverse order.  It never reads a
 * byte that a client has sent.
 */

#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "common/config.h"
#include "master/options.h"

/* Runs until kvd is told to stop.  Returns the exit status. */
int master_main(struct master_options *, struct config *);

#endif
