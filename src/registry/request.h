/*
 * Executes the requests of a connection, one after the other.
 */

#ifndef REGISTRY_REQUEST_H
#define REGISTRY_REQUEST_H

#include <stdbool.h>

struct conn;
struct registry;

enum request_result {
	REQUEST_DONE, /* executed; call again */
	REQUEST_WAIT, /* not executed: needs more input, or the next turn */
	REQUEST_FULL, /* not executed: the store has no space */
	REQUEST_HOLD, /* not executed: writes wait for the checkpointer */
};

/*
 * Executes the next request of `in`, if all of it has come and the limits of
 * the turn allow it, and appends its reply to `out`.  A connection that says
 * what no worker says is marked (turn.broken), for commit_finish() to close.
 */
enum request_result request_next(struct registry *, struct conn *);
/* Requests of this connection are about to be executed: has the processor fetch
 * what they will read. */
void request_fetch(struct registry *, const struct conn *);
/* Does the first request of `in` leave the store with more free space? */
bool request_frees(const struct conn *);
/* Answers the first request of `in`, which was not executed, with `storage
 * full`. */
void request_refuse(struct conn *);

#endif
