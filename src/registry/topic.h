/*
 * Topics: the buckets that have subscribers, and their subscriptions.  A topic
 * is live, and its subscribers are told of each commit; or it is behind, and
 * its subscribers have yet to be told what they missed (registry/resume.h).
 */

#ifndef REGISTRY_TOPIC_H
#define REGISTRY_TOPIC_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

struct conn;
struct hello_bucket;
struct registry;

struct subscription {
	LIST_ENTRY(subscription) topic_entry;
	LIST_ENTRY(subscription) conn_entry;
	struct topic *topic;
	struct conn *conn;
	/* Nothing of this revision, nor of those before, is to be told. */
	uint64_t after;
	size_t prefix_size;
	char prefix[]; /* of the keys that it is about */
};
LIST_HEAD(subscription_list, subscription);

struct topic {
	RB_ENTRY(topic) entry;
	struct subscription_list subscriptions;
	unsigned int prefixed; /* those of them that have a prefix */
	bool live;
	uint64_t id; /* store_bucket_number() */
	size_t name_size;
	char name[UINT8_MAX];
};
RB_HEAD(topic_names, topic);
RB_HEAD(topic_ids, topic);

struct topics {
	struct topic_names live; /* by the name of the bucket */
	struct topic_ids behind; /* by its number: it may be gone, and another
				  * one have its name */
};

static inline struct bytes
topic_bucket(const struct topic *t)
{
	return (struct bytes){ t->name, t->name_size };
}

/* NULL: the bucket has no such topic. */
struct topic *topic_find_live(struct registry *, struct bytes bucket);
struct topic *topic_find_behind(struct registry *, uint64_t id);

static inline struct bytes
topic_prefix(const struct subscription *s)
{
	return (struct bytes){ s->prefix, s->prefix_size };
}

/* Subscribes to a bucket, to which the connection has not subscribed. */
void topic_subscribe(struct registry *, struct conn *,
    const struct hello_bucket *, bool live);
/* Makes a live subscription one that is behind, or the other way round.  It is
 * then another one, before all others of its connection. */
void topic_move(struct registry *, struct subscription *, bool live);
/* NULL: it has not. */
struct subscription *topic_subscription(const struct conn *,
    struct bytes bucket);
/* Ends a subscription, and with the last one the topic. */
void topic_unsubscribe(struct registry *, struct subscription *);

#endif
