/*
 * Group commit: all writes of a turn in one transaction of the store, with the
 * replies that they get; or all of it taken back.
 */

#ifndef REGISTRY_COMMIT_H
#define REGISTRY_COMMIT_H

#include <stdbool.h>

struct conn;
struct registry;

/* Commits the batch.  False: the store has no room, and nothing is done.  Exits
 * the process when a commit fails: its outcome is unknown. */
bool commit_run(struct registry *);
/* Aborts the batch: the requests of those that wrote in it are executed
 * again. */
void commit_rewind(struct registry *);
/* The connection's part of the turn is over: what it asked is answered. */
void commit_finish(struct registry *, struct conn *);
/* The same for all that wrote. */
void commit_finish_writers(struct registry *);

#endif
