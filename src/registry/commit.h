/*
 * Group commit: all writes of a turn are committed in one transaction of the
 * store, together with the replies that they get, or all are taken back.
 *
 * Each turn that has a batch calls commit_run().  If that says true, each
 * connection that wrote is then finished; if not, commit_rewind() comes next.
 */

#ifndef REGISTRY_COMMIT_H
#define REGISTRY_COMMIT_H

#include <stdbool.h>

struct conn;
struct registry;

/* Commits the batch.  False: the store has no space for it (or a request found
 * none before: turn.full), and nothing is committed.  Exits the process when a
 * commit fails in any other way: whether it is on the disk is not known. */
bool commit_run(struct registry *);
/* Aborts the batch, and clears turn.full.  Connections that wrote in it become
 * ready again, with all requests of this turn still in `in`. */
void commit_rewind(struct registry *);
/* Ends the turn for a connection: takes the executed requests off `in`, and
 * sends the replies.  May close the connection. */
void commit_finish(struct registry *, struct conn *);
/* Does the same for each connection that wrote. */
void commit_finish_writers(struct registry *);

#endif
