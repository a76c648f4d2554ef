/*
 * The checkpointer: a permanent process that folds the log into data.mdb, and
 * removes the entries of dropped buckets from it.  It alone writes data.mdb.
 *
 * What happens when a process ends, at whatever moment:
 *
 * - The checkpointer: the next one goes on where its last transaction ended.
 *   The open segment fills up meanwhile, and when it is used up writers wait.
 * - The registry: nothing happens here.  Its successor reads what is not yet
 *   folded, and asks how far the folds are.
 * - The master: the kernel kills this process, even if it is stopped.  While it
 *   held its locks, the checkpointer of another kvd could not start.
 */

#ifndef CHECKPOINTER_CHECKPOINTER_H
#define CHECKPOINTER_CHECKPOINTER_H

struct config;
struct startup_params;
struct title;

/* Runs until it is told to stop, and returns the exit status. */
int checkpointer_main(struct config *, const struct startup_params *,
    const struct title *);

#endif
