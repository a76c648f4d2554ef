/*
 * Events: what changes in a bucket is told to those who have subscribed to
 * it, in the order of the commits, and only after the commit.
 *
 * While anybody has subscribed to anything, what a turn changes is noted
 * (registry/change.h).  After the commit it is published: copied, as whole
 * frames, to the queues of the subscribers.
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
 * A subscriber that has so much waiting when more comes is too slow.  What
 * one commit brings it on top is bounded by the turn.
 */
#define EVENTS_QUEUE_MAX ((size_t)1 << 20)

struct conn;
struct hello;
struct registry;
struct topic;
RB_HEAD(topic_tree, topic); /* buckets that have subscribers */

struct subscription {
	LIST_ENTRY(subscription) topic_entry;
	LIST_ENTRY(subscription) conn_entry;
	struct topic *topic;
	struct conn *conn;
};
LIST_HEAD(subscription_list, subscription);

/*
 * From the next commit on.  May be called only while no batch is open: what
 * that has changed before may not have been noted.  `again`: an earlier registry
 * has accepted it, and committed what came after it; that is missed.
 */
enum status events_subscribe(struct registry *, struct conn *,
    struct bytes bucket, bool again);
void events_unsubscribe(struct registry *, struct conn *, struct bytes bucket);
/*
 * The subscriptions that an earlier registry had, which the worker has named in
 * its HELLO.  It is told what has become of them since the revision that it has
 * seen.  False: malformed.
 */
bool events_resume(struct registry *, struct conn *, const struct hello *);
/* The connection ends. */
void events_leave(struct registry *, struct conn *);

/* What the batch has noted was committed: queue it for the subscribers. */
void events_publish(struct registry *);
/* When the turn is over: send what is queued. */
void events_flush(struct registry *);

#endif
