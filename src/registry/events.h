/*
 * Events: each change of a bucket is sent to its subscribers, in the order of
 * the commits, and only after the commit.
 *
 * The changes of a turn are noted (registry/change.h), published after the
 * commit, which copies them as whole frames to the queues of the subscribers,
 * and sent at the end of the turn.
 */

#ifndef REGISTRY_EVENTS_H
#define REGISTRY_EVENTS_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "proto/message.h"

/*
 * A subscriber whose queue has more bytes than this when a turn begins is too
 * slow.  What one turn adds to the queue is bounded by the turn.
 */
#define EVENTS_QUEUE_MAX ((size_t)1 << 20)

struct conn;
struct hello;
struct registry;
struct topic;
RB_HEAD(topic_tree, topic); /* the buckets that have subscribers */

struct subscription {
	LIST_ENTRY(subscription) topic_entry;
	LIST_ENTRY(subscription) conn_entry;
	struct topic *topic;
	struct conn *conn;
};
LIST_HEAD(subscription_list, subscription);

/*
 * Subscribes to a bucket, from the next commit on.  May be called only while no
 * batch is open: its earlier changes may not have been noted.  `again`: an
 * earlier registry granted the request, and events may have been lost when it
 * died, so the subscriber is sent MISSED.
 */
enum status events_subscribe(struct registry *, struct conn *,
    struct bytes bucket, bool again);
void events_unsubscribe(struct registry *, struct conn *, struct bytes bucket);
/*
 * Resumes the subscriptions that a worker names in its HELLO, which an earlier
 * registry had.  The worker is sent DROPPED for a bucket that is gone, and
 * MISSED if there were commits after the revision that it has seen.  May be
 * called only while no batch is open.  False: the HELLO is malformed.
 */
bool events_resume(struct registry *, struct conn *, const struct hello *);
/* The connection ends, and with it its subscriptions. */
void events_leave(struct registry *, struct conn *);

/* The batch is committed: copies the notes to the queues of the subscribers. */
void events_publish(struct registry *);
/* At the end of the turn: sends what was queued in it. */
void events_flush(struct registry *);

#endif
