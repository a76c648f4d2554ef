/*
 * All children of the master.  An event of one child is looked up in the table
 * of master/policy.h, and what that says is done.  The children start stage by
 * stage, each when the one before is ready, and stop in reverse.
 */

#ifndef MASTER_CHILDREN_H
#define MASTER_CHILDREN_H

#include "master/policy.h"
#include "master/state.h"

/* Something has happened to a child, or is wanted of it. */
void children_event(struct master *, struct child *, enum policy_event);

/* Starts the acceptors, when the registry is ready for the first time. */
void children_start_acceptors(struct master *);
/* Tells each acceptor to end, and starts another when it has ended.  Also
 * starts and stops acceptors so that there are as many as are configured. */
void children_replace_acceptors(struct master *);
/* Makes again what somebody has removed (prepare_repair()).  If that is the
 * registry's socket, no new worker could connect: then the registry is killed,
 * and its successor gets another socket.  Returns whether that is so. */
bool children_repair(struct master *);

/* Begins to stop kvd, which is to exit with this status.  If it is stopping
 * already, kills the children that it waits for. */
void children_stop(struct master *, int status);
/* A child has ended while kvd stops: goes on with the next stage if it was the
 * last one of its own. */
void children_advance_stop(struct master *);

#endif
