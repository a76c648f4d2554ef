/*
 * Supervision: the master's loop, which waits for signals, messages of children
 * and timers.
 */

#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include "master/state.h"

/* Starts the children, and returns when the last one of them has ended. */
void supervise(struct master *);

#endif
