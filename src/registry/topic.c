/*
 * topic: who has subscribed to which bucket.  Runs in the registry.
 */

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "proto/hello.h"
#include "registry/conn.h"
#include "registry/state.h"
#include "registry/topic.h"

static int
compare_names(struct topic *a, struct topic *b)
{
	return bytes_compare(topic_bucket(a), topic_bucket(b));
}

static int
compare_ids(struct topic *a, struct topic *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_INTERNAL(topic_names, topic, entry, compare_names,
    __attribute__((unused)) static)
RB_GENERATE_INTERNAL(topic_ids, topic, entry, compare_ids,
    __attribute__((unused)) static)

struct topic *
topic_find_live(struct registry *r, struct bytes bucket)
{
	struct topic find;

	find.name_size = bucket.size;
	memcpy(find.name, bucket.data, bucket.size);
	return RB_FIND(topic_names, &r->topics.live, &find);
}

struct topic *
topic_find_behind(struct registry *r, uint64_t id)
{
	struct topic find;

	find.id = id;
	return RB_FIND(topic_ids, &r->topics.behind, &find);
}

static struct topic *
make_topic(struct registry *r, struct bytes bucket, uint64_t id, bool live)
{
	struct topic *t;

	t = live ? topic_find_live(r, bucket) : topic_find_behind(r, id);
	if (t != NULL)
		return t;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal(EX_OSERR, "subscription");
	LIST_INIT(&t->subscriptions);
	t->live = live;
	t->id = id;
	t->name_size = bucket.size;
	memcpy(t->name, bucket.data, bucket.size);
	if (live)
		RB_INSERT(topic_names, &r->topics.live, t);
	else
		RB_INSERT(topic_ids, &r->topics.behind, t);
	r->changes.wanted = !RB_EMPTY(&r->topics.live);
	return t;
}

/* The topic has no subscriptions any more. */
static void
end_topic(struct registry *r, struct topic *t)
{
	if (t->live)
		RB_REMOVE(topic_names, &r->topics.live, t);
	else
		RB_REMOVE(topic_ids, &r->topics.behind, t);
	free(t);
	r->changes.wanted = !RB_EMPTY(&r->topics.live);
}

void
topic_subscribe(struct registry *r, struct conn *c,
    const struct hello_bucket *bucket, bool live)
{
	struct topic *t = make_topic(r, bucket->name, bucket->id, live);
	struct subscription *s;

	if ((s = calloc(1, sizeof(*s) + bucket->prefix.size)) == NULL)
		fatal(EX_OSERR, "subscription");
	s->topic = t;
	s->conn = c;
	s->after = bucket->after;
	s->prefix_size = bucket->prefix.size;
	if (s->prefix_size > 0) /* or data may be NULL */
		memcpy(s->prefix, bucket->prefix.data, s->prefix_size);
	t->prefixed += s->prefix_size > 0;
	LIST_INSERT_HEAD(&t->subscriptions, s, topic_entry);
	LIST_INSERT_HEAD(&c->events.subscriptions, s, conn_entry);
	r->gauges.subscribers += c->events.count++ == 0;
}

void
topic_move(struct registry *r, struct subscription *s, bool live)
{
	struct hello_bucket bucket = { .name = topic_bucket(s->topic),
		.id = s->topic->id,
		.prefix = topic_prefix(s),
		.after = s->after };

	topic_subscribe(r, s->conn, &bucket, live);
	topic_unsubscribe(r, s);
}

struct subscription *
topic_subscription(const struct conn *c, struct bytes bucket)
{
	struct subscription *s;

	LIST_FOREACH(s, &c->events.subscriptions, conn_entry)
		if (bytes_equal(topic_bucket(s->topic), bucket))
			return s;
	return NULL;
}

void
topic_unsubscribe(struct registry *r, struct subscription *s)
{
	struct topic *t = s->topic;

	r->gauges.subscribers -= --s->conn->events.count == 0;
	t->prefixed -= s->prefix_size > 0;
	LIST_REMOVE(s, topic_entry);
	LIST_REMOVE(s, conn_entry);
	free(s);
	if (LIST_EMPTY(&t->subscriptions))
		end_topic(r, t);
}
