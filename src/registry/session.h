/*
 * Sessions: a worker keeps its session through the deaths of registries, and
 * what it was answered, or was about to be, is on record until it certainly has
 * it (registry/outcome.h).
 *
 * Within a turn the calls come in this order: session_claim() when the worker
 * says HELLO, before anything is written; session_answer() for each request;
 * session_record() in the batch, right before its commit; then either
 * session_committed() or, if the turn is taken back, session_rewind().
 */

#ifndef REGISTRY_SESSION_H
#define REGISTRY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "store/store.h"

struct conn;
struct registry;

/* After the start: records whose workers may come back to this registry. */
void session_list(struct registry *);
/* A worker has said HELLO: what an earlier connection of its session was not
 * told is repeated when it asks.  There is no batch. */
void session_claim(struct registry *, struct conn *);
/* Its connection ends; the record waits for the next one. */
void session_leave(struct registry *, struct conn *);

/* Was it executed by an earlier registry?  Then *reply is what it answered. */
bool session_answer(const struct conn *, uint64_t sequence,
    struct bytes *reply);
/* It writes, so its replies of this turn are going to be recorded. */
void session_writes(struct registry *, struct conn *);

/* Puts the replies of this turn's writers, and deletes what has arrived. */
enum store_result session_record(struct registry *, struct store_view *);
void session_committed(struct registry *);
/* The batch is taken back. */
void session_rewind(struct registry *);
/* The worker's part of the turn is over: what it has done is not repeated. */
void session_finish(struct conn *);

#endif
