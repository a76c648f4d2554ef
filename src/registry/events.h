/*
 * Events: each change of a bucket is sent to its subscribers, in the order of
 * the commits, and only after the commit.
 *
 * The changes of a turn are noted (registry/change.h), published after the
 * commit, which copies them as whole frames to the queues of the subscribers,
 * and sent at the end of the turn.
 *
 * A worker whose registry has died subscribes again with its HELLO, and is told
 * what it missed from the store's log (registry/resume.h).
 */

#ifndef REGISTRY_EVENTS_H
#define REGISTRY_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"
#include "store/store.h"

/*
 * A queue may have so many bytes.  A subscriber for whom there is no space is
 * too slow if much is left in it.  Otherwise it is behind: it is told the rest
 * from the log, when it has taken what is queued.
 */
#define EVENTS_QUEUE_MAX ((size_t)1 << 20)

struct conn;
struct fields;
struct registry;

/*
 * Executes SUBSCRIBE or SUBSCRIBE_SINCE, and puts its reply.  The subscription
 * begins with the next commit, or the connection is behind, and is told of those
 * that it asks for.  An earlier subscription to the bucket ends.  May be called
 * only while no batch is open: its earlier changes may not have been noted.
 */
void events_subscribe(struct registry *, struct conn *, const struct message *,
    const struct fields *);
void events_unsubscribe(struct registry *, struct conn *, struct bytes bucket);
/* The connection ends, and with it its subscriptions. */
void events_leave(struct registry *, struct conn *);

/* The batch is committed: copies the notes to the queues of the subscribers. */
void events_publish(struct registry *);
/* At the end of the turn: sends what was queued in it. */
void events_flush(struct registry *);

/* The queue, or a part of it, has been taken off. */
void events_account(struct registry *, struct conn *);

/* For registry/resume.c, which queues events too. */

/* The snapshot of the last commit.  May be called while no batch is open. */
struct store_view *events_last_commit(struct registry *);
/* May a queue, and all together, grow by so much? */
bool events_fit(const struct registry *, const struct conn *, size_t size);
/* It is told that it is too slow, and gets nothing more. */
void events_lag(struct registry *, struct conn *, uint64_t revision);
/* Queues a frame, or COMMIT, MISSED or LAGGED, which have no other fields. */
void events_queue(struct registry *, struct conn *, struct bytes frame);
void events_queue_revision(struct registry *, struct conn *, enum event_kind,
    uint64_t revision);
/* Appends the frame of a change.  Exits without memory. */
void events_encode(struct buf *frames, uint64_t revision,
    const struct fields *event);

#endif
