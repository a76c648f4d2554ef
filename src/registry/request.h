/*
 * Requests of a connection, executed one after the other.
 */

#ifndef REGISTRY_REQUEST_H
#define REGISTRY_REQUEST_H

#include <stdbool.h>

struct conn;
struct registry;

enum request_result {
	REQUEST_DONE, /* executed; go on */
	REQUEST_WAIT, /* not executed: for more input, or for the next turn */
	REQUEST_FULL, /* not executed: the store has no room */
};

/*
 * Executes the next request of `in`, if it is whole and the turn has room, and
 * appends its reply to `out`.  A connection that says what no worker says is
 * marked as broken.
 */
enum request_result request_next(struct registry *, struct conn *);
/* Does the first one of `in` take less room afterwards? */
bool request_frees(const struct conn *);
/* Answers the first one of `in`, which was not executed: storage full. */
void request_refuse(struct conn *);

#endif
