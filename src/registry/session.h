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
/* The connection is new, and has to say HELLO. */
void session_await(struct registry *, struct conn *);
/* When the next connection has said nothing for too long, or was refused long
 * enough ago, or CLOCK_NEVER; and disconnects it. */
int64_t session_deadline(const struct registry *);
void session_expire(struct registry *, int64_t now_ms);
/* What has come instead of HELLO is no worker's: lets the peer read the end of
 * the stream, and disconnects it when it has gone, or soon. */
void session_refuse(struct registry *, struct conn *);
/* It was refused: throws away what it sends. */
void session_discard(struct registry *, struct conn *);
/*
 * A worker has said HELLO: looks for the record of its session, so that
 * session_answer() can repeat what an earlier connection may not have got.
 * Needs to come while there is no batch.  False: the process is no worker, or
 * the session is another's.
 */
bool session_claim(struct registry *, struct conn *, uint64_t session);
/* The same for a connection that may only look: it has no session. */
void session_look(struct registry *, struct conn *);
/* The connection ends.  Its record waits for the session's next connection, or
 * is deleted by the next commit if the worker has all of it. */
void session_leave(struct registry *, struct conn *);

/* Was the request executed before?  If so, *reply is the frame to repeat, valid
 * until something else is read from the store. */
bool session_answer(struct registry *, const struct conn *, uint64_t sequence,
    struct bytes *reply);
/* The connection is about to write: its replies of this turn go on record. */
void session_writes(struct registry *, struct conn *);

/* Puts the records of the connections that wrote, and deletes those of workers
 * that have all their replies or have died, and those that have expired. */
enum store_result session_record(struct registry *, struct store_view *);
/* The batch is committed: forgets the records that it deleted. */
void session_committed(struct registry *);
/* The batch is taken back: it deletes no records. */
void session_rewind(struct registry *);
/* The worker may have gone on past the record that it came back for. */
void session_finish(struct conn *);

#endif
