/*
 * events: subscriptions, and events for subscribers.  Runs in the registry.
 */

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "proto/event.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/state.h"
#include "store/store.h"

struct topic {
	RB_ENTRY(topic) entry;
	struct subscription_list subscriptions;
	size_t name_size;
	char name[UINT8_MAX];
};

static struct bytes
topic_bucket(const struct topic *t)
{
	return (struct bytes){ t->name, t->name_size };
}

static int
topic_compare(struct topic *a, struct topic *b)
{
	return bytes_compare(topic_bucket(a), topic_bucket(b));
}

RB_GENERATE_INTERNAL(topic_tree, topic, entry, topic_compare,
    __attribute__((unused)) static)

static struct topic *
find_topic(struct registry *r, struct bytes name)
{
	struct topic find;

	find.name_size = name.size;
	memcpy(find.name, name.data, name.size);
	return RB_FIND(topic_tree, &r->topics, &find);
}

static struct topic *
make_topic(struct registry *r, struct bytes name)
{
	struct topic *t = find_topic(r, name);

	if (t != NULL)
		return t;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal(EX_OSERR, "subscription");
	LIST_INIT(&t->subscriptions);
	t->name_size = name.size;
	memcpy(t->name, name.data, name.size);
	RB_INSERT(topic_tree, &r->topics, t);
	r->changes.wanted = true;
	return t;
}

/* The topic has no subscriptions any more. */
static void
end_topic(struct registry *r, struct topic *t)
{
	RB_REMOVE(topic_tree, &r->topics, t);
	free(t);
	r->changes.wanted = !RB_EMPTY(&r->topics);
}

static void
end_subscription(struct subscription *s)
{
	s->conn->events.count--;
	LIST_REMOVE(s, topic_entry);
	LIST_REMOVE(s, conn_entry);
	free(s);
}

static struct subscription *
find_subscription(struct conn *c, struct bytes bucket)
{
	struct subscription *s;

	LIST_FOREACH(s, &c->events.subscriptions, conn_entry)
		if (bytes_equal(topic_bucket(s->topic), bucket))
			return s;
	return NULL;
}

static void
subscribe(struct registry *r, struct conn *c, struct bytes bucket)
{
	struct topic *t = make_topic(r, bucket);
	struct subscription *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal(EX_OSERR, "subscription");
	s->topic = t;
	s->conn = c;
	LIST_INSERT_HEAD(&t->subscriptions, s, topic_entry);
	LIST_INSERT_HEAD(&c->events.subscriptions, s, conn_entry);
	c->events.count++;
}

static void
queue(struct conn *c, uint64_t revision, const struct fields *event)
{
	event_put(&c->events.queue, revision, event);
	if (buf_failed(&c->events.queue))
		fatalx(EX_OSERR, "out of memory");
}

/* Queues COMMIT, MISSED or LAGGED, which have no other fields. */
static void
queue_revision(struct conn *c, enum event_kind kind, uint64_t revision)
{
	struct fields event = { .kind = (uint8_t)kind };

	queue(c, revision, &event);
}

static void
notify(struct registry *r, struct conn *c)
{
	if (c->events.notified)
		return;
	c->events.notified = true;
	/* Measured once, before the turn adds to the queue. */
	c->events.slow = buf_size(&c->events.queue) > EVENTS_QUEUE_MAX;
	TAILQ_INSERT_TAIL(&r->notified, c, notified_entry);
}

/* The snapshot of the last commit.  May be called while no batch is open. */
static struct store_view *
last_commit(struct registry *r)
{
	struct store_view *view;

	if (store_snapshot(r->store, &view) != STORE_OK)
		fatalx(EX_IOERR, "%s", store_error(r->store));
	return view;
}

static bool
has_bucket(struct registry *r, struct bytes bucket)
{
	struct store_entry entry;

	/* Any key will do: the result tells whether there is a bucket. */
	return store_get(last_commit(r), bucket, bucket, &entry) !=
	    STORE_NO_BUCKET;
}

enum status
events_subscribe(struct registry *r, struct conn *c, struct bytes bucket,
    bool again)
{
	if (!has_bucket(r, bucket))
		return STATUS_NOT_FOUND;
	if (find_subscription(c, bucket) != NULL)
		return STATUS_OK;
	if (c->events.count >= MESSAGE_SUBSCRIPTIONS_MAX)
		return STATUS_TOO_MANY_SUBSCRIPTIONS;
	subscribe(r, c, bucket);
	/* The revision that the worker names in HELLO if this registry dies. */
	notify(r, c);
	queue_revision(c, again ? EVENT_MISSED : EVENT_COMMIT,
	    store_revision(last_commit(r)));
	return STATUS_OK;
}

static void
leave(struct registry *r, struct subscription *s)
{
	struct topic *t = s->topic;

	end_subscription(s);
	if (LIST_EMPTY(&t->subscriptions))
		end_topic(r, t);
}

void
events_unsubscribe(struct registry *r, struct conn *c, struct bytes bucket)
{
	struct subscription *s = find_subscription(c, bucket);

	if (s != NULL)
		leave(r, s);
}

void
events_leave(struct registry *r, struct conn *c)
{
	struct subscription *s;

	while ((s = LIST_FIRST(&c->events.subscriptions)) != NULL)
		leave(r, s);
}

static void
resume(struct registry *r, struct conn *c, struct bytes bucket)
{
	struct fields event = { .kind = EVENT_DROPPED, .bucket = bucket };

	if (!has_bucket(r, bucket))
		queue(c, 0, &event);
	else if (find_subscription(c, bucket) == NULL)
		subscribe(r, c, bucket);
}

bool
events_resume(struct registry *r, struct conn *c, const struct hello *hello)
{
	uint64_t revision = store_revision(last_commit(r));
	struct bytes bucket, buckets = hello->buckets;
	size_t n = 0;

	if (buckets.size == 0)
		return true;
	notify(r, c);
	queue_revision(c, hello->seen == revision ? EVENT_COMMIT : EVENT_MISSED,
	    revision);
	while (hello_next_bucket(&buckets, &bucket)) {
		if (bucket.size == 0 || n++ == MESSAGE_SUBSCRIPTIONS_MAX)
			return false;
		resume(r, c, bucket);
	}
	return buckets.size == 0;
}

static void
encode(struct buf *b, const struct change *change)
{
	static const enum event_kind kinds[] = {
		[CHANGE_SET] = EVENT_SET,
		[CHANGE_DELETED] = EVENT_DELETED,
		[CHANGE_DROPPED] = EVENT_DROPPED,
	};
	struct fields event = { .kind = (uint8_t)kinds[change->type],
		.bucket = change->bucket,
		.key = change->key,
		.value = change->value };

	event_put(b, 0, &event);
}

/* Copies frames to the subscribers of their bucket. */
static void
deliver(struct registry *r, struct topic *t, struct buf *frames)
{
	struct subscription *s;

	if (buf_failed(frames))
		fatalx(EX_OSERR, "out of memory");
	LIST_FOREACH(s, &t->subscriptions, topic_entry) {
		notify(r, s->conn);
		if (!s->conn->events.slow)
			buf_append(&s->conn->events.queue, buf_data(frames),
			    buf_size(frames));
	}
	buf_truncate(frames, 0);
}

/* The bucket is gone; a later one of this name is another bucket. */
static void
drop(struct registry *r, struct topic *t)
{
	struct subscription *s;

	while ((s = LIST_FIRST(&t->subscriptions)) != NULL)
		end_subscription(s);
	end_topic(r, t);
}

static bool
is_of(const struct topic *t, struct bytes bucket)
{
	return t != NULL && bytes_equal(topic_bucket(t), bucket);
}

/* Successive changes of one bucket are copied in one piece. */
static void
publish_changes(struct registry *r, struct bytes noted, struct buf *frames)
{
	struct topic *t = NULL;
	struct change change;

	while (change_next(&noted, &change)) {
		if (!is_of(t, change.bucket)) {
			if (t != NULL)
				deliver(r, t, frames);
			t = find_topic(r, change.bucket);
		}
		if (t == NULL)
			continue;
		encode(frames, &change);
		if (change.type == CHANGE_DROPPED) {
			deliver(r, t, frames);
			drop(r, t);
			t = NULL;
		}
	}
	if (t != NULL)
		deliver(r, t, frames);
}

/* Queues the last frame of a commit.  For a subscriber that is too slow this is
 * LAGGED, and it gets nothing more. */
static void
end_commit(struct registry *r, struct conn *c, uint64_t revision)
{
	if (c->events.lagged)
		return;
	queue_revision(c, c->events.slow ? EVENT_LAGGED : EVENT_COMMIT,
	    revision);
	if (c->events.slow) {
		c->events.lagged = true;
		events_leave(r, c);
	}
}

void
events_publish(struct registry *r)
{
	struct bytes noted = buf_bytes(&r->changes.noted);
	uint64_t revision;
	struct conn *c;
	struct buf frames;

	if (noted.size == 0)
		return;
	buf_init(&frames);
	publish_changes(r, noted, &frames);
	buf_clear(&frames);
	change_undo(&r->changes, 0);
	store_release(r->store);
	revision = store_revision(last_commit(r));
	TAILQ_FOREACH(c, &r->notified, notified_entry)
		end_commit(r, c, revision);
}

void
events_flush(struct registry *r)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&r->notified)) != NULL) {
		TAILQ_REMOVE(&r->notified, c, notified_entry);
		c->events.notified = false;
		/* Otherwise epoll says when the socket takes more. */
		if (!c->wants_out)
			conn_flush(r, c);
	}
}
