/*
 * The master: binds the sockets, starts the registry and then the acceptor,
 * restarts what dies, and stops them in reverse.  It never reads a byte that
 * a client sent.
 */

#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "common/config.h"
#include "master/options.h"

/* Runs until told to stop; returns the process's exit status. */
int master_main(struct options *, struct config *);

#endif
