/*
 * The checkpointer: a permanent process that folds the log into data.mdb, and
 * removes the entries of dropped buckets from it.  It alone writes data.mdb.
 *
 * What happens when a process ends, at whatever moment:
 *
 * - The checkpointer: what its last transaction stored is where the next one
 *   goes on.  The open segment fills meanwhile, and when it is used up, who
 *   writes waits.
 * - The registry: nothing here.  Its successor reads what is not yet folded,
 *   and asks.
 * - The master: the kernel kills this process, even if it is stopped.  For
 *   while it holds LMDB's lock no other could write data.mdb.
 */

#ifndef CHECKPOINTER_CHECKPOINTER_H
#define CHECKPOINTER_CHECKPOINTER_H

struct config;
struct startup_params;

/* Runs until it is told to stop, and returns the exit status. */
int checkpointer_main(struct config *, const struct startup_params *);

#endif
