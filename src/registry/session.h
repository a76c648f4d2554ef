/*
 * Sessions make requests exactly-once.  A worker keeps its session while
 * registries die and are restarted, and the store keeps a record of its
 * outcomes (registry/outcome.h) until it certainly has them.
 *
 * Within a turn the calls come in this order:
 *
 * 1. session_claim() when the worker says HELLO, before there is a batch;
 * 2. session_answer() before a request is executed, and session_writes() before
 *    the connection's first write of the turn;
 * 3. session_record() in the batch, right before its commit;
 * 4. session_committed(), or session_rewind() if the batch is taken back;
 * 5. session_finish() before the replies are sent.
 *
 * session_leave() comes between turns or at the end of one, when a connection
 * is closed.
 */

#ifndef REGISTRY_SESSION_H
#define REGISTRY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "store/store.h"

struct conn;
struct registry;

/* After the start: lists the records in the store, whose workers may come back
 * to this registry. */
void session_list(struct registry *);
/* A worker has said HELLO: reads the record of its session, so that
 * session_answer() can repeat what an earlier connection may not have got.
 * Needs to come while there is no batch. */
void session_claim(struct registry *, struct conn *);
/* The connection ends.  Its record waits for the session's next connection, or
 * is deleted by the next commit if the worker has all of it. */
void session_leave(struct registry *, struct conn *);

/* Was the request executed before?  If so, *reply is the frame to repeat. */
bool session_answer(const struct conn *, uint64_t sequence,
    struct bytes *reply);
/* The connection is about to write: its replies of this turn go on record. */
void session_writes(struct registry *, struct conn *);

/* Puts the records of the connections that wrote, and deletes those of workers
 * that have all their replies, and those that have expired. */
enum store_result session_record(struct registry *, struct store_view *);
/* The batch is committed: forgets the records that it deleted. */
void session_committed(struct registry *);
/* The batch is taken back: it deletes no records. */
void session_rewind(struct registry *);
/* The worker has gone on past the record that it came back for: frees it. */
void session_finish(struct conn *);

#endif
