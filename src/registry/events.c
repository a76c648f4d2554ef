/*
 * events: subscriptions, and events for subscribers.  Runs in the registry.
 */

#include <sysexits.h>

#include "common/log.h"
#include "proto/event.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/resume.h"
#include "registry/state.h"
#include "registry/topic.h"
#include "registry/warning.h"
#include "store/store.h"

/* With so much left of earlier turns a subscriber is too slow when there is no
 * space for more. */
#define LEFT_MAX (EVENTS_QUEUE_MAX / 2)
/* All queues together may have so many bytes. */
#define QUEUES_MAX ((size_t)32 << 20)

/* Frames of successive changes of one bucket. */
struct piece {
	struct buf frames;
	uint64_t first; /* the number of the first change */
	uint64_t n; /* how many they are */
};

static void
notify(struct registry *r, struct conn *c)
{
	if (c->events.notified)
		return;
	c->events.notified = true;
	c->events.slow = false;
	c->events.left = buf_size(&c->events.queue);
	TAILQ_INSERT_TAIL(&r->notified, c, notified_entry);
}

bool
events_fit(const struct registry *r, const struct conn *c, size_t size)
{
	return buf_size(&c->events.queue) + size <= EVENTS_QUEUE_MAX &&
	    r->queued + size <= QUEUES_MAX;
}

void
events_account(struct registry *r, struct conn *c)
{
	r->queued += buf_size(&c->events.queue) - c->events.queued;
	c->events.queued = buf_size(&c->events.queue);
}

static void
check_memory(const struct buf *b)
{
	if (buf_failed(b))
		fatalx(EX_OSERR, "out of memory");
}

void
events_encode(struct buf *frames, uint64_t revision, const struct fields *event)
{
	event_put(frames, revision, event);
	check_memory(frames);
}

void
events_queue(struct registry *r, struct conn *c, struct bytes frame)
{
	notify(r, c);
	buf_append(&c->events.queue, frame.data, frame.size);
	check_memory(&c->events.queue);
	events_account(r, c);
}

void
events_queue_revision(struct registry *r, struct conn *c, enum event_kind kind,
    uint64_t revision)
{
	struct fields event = { .kind = (uint8_t)kind };

	notify(r, c);
	events_encode(&c->events.queue, revision, &event);
	events_account(r, c);
}

struct store_view *
events_last_commit(struct registry *r)
{
	struct store_view *view;

	if (store_snapshot(r->store, &view) != STORE_OK)
		warning_store_failed(r);
	return view;
}

/* May the connection subscribe to this bucket, of which this sets the id? */
static enum status
check_subscribe(struct registry *r, struct conn *c, struct hello_bucket *b)
{
	enum store_result result;

	result = store_bucket_number(events_last_commit(r), b->name, &b->id);
	warning_check_store(r, result);
	if (result == STORE_DAMAGED)
		return STATUS_DATA_DAMAGED;
	if (result != STORE_OK)
		return STATUS_NOT_FOUND;
	if (topic_subscription(c, b->name) == NULL &&
	    c->events.count >= MESSAGE_SUBSCRIPTIONS_MAX)
		return STATUS_TOO_MANY_SUBSCRIPTIONS;
	return STATUS_OK;
}

void
events_subscribe(struct registry *r, struct conn *c, const struct message *m,
    const struct fields *args)
{
	struct fields reply = { .revision =
				    store_revision(events_last_commit(r)) };
	struct hello_bucket b = { .name = args->bucket,
		.prefix = args->prefix,
		.after = reply.revision };

	reply.status = (uint8_t)check_subscribe(r, c, &b);
	reply.id = b.id;
	schema_put(&c->out, MESSAGE_SUBSCRIBED, m->sequence, &reply);
	if (reply.status != STATUS_OK)
		return;
	events_unsubscribe(r, c, args->bucket);
	if (m->type == MESSAGE_SUBSCRIBE) {
		topic_subscribe(r, c, &b, true);
		return;
	}
	if (args->since != 0)
		b.after = args->since;
	resume_since(r, c, &b, reply.revision);
}

void
events_unsubscribe(struct registry *r, struct conn *c, struct bytes bucket)
{
	struct subscription *s = topic_subscription(c, bucket);

	if (s != NULL)
		topic_unsubscribe(r, s);
}

void
events_leave(struct registry *r, struct conn *c)
{
	struct subscription *s;

	resume_leave(r, c);
	while ((s = LIST_FIRST(&c->events.subscriptions)) != NULL)
		topic_unsubscribe(r, s);
}

static void
encode(struct buf *b, uint64_t revision, uint64_t number,
    const struct change *change)
{
	static const enum event_kind kinds[] = {
		[CHANGE_SET] = EVENT_SET,
		[CHANGE_DELETED] = EVENT_DELETED,
		[CHANGE_DROPPED] = EVENT_DROPPED,
	};
	struct fields event = { .kind = (uint8_t)kinds[change->type],
		.change = number,
		.bucket = change->bucket,
		.key = change->key,
		.value = change->value };

	events_encode(b, revision, &event);
}

/* From the first of these changes on it will be told from the log, if there is
 * no space for them. */
static void
deliver_to(struct registry *r, struct conn *c, struct bytes frames,
    uint64_t first, uint64_t n)
{
	notify(r, c);
	if (c->events.slow)
		return;
	if (!events_fit(r, c, frames.size)) {
		c->events.slow = true;
		c->events.told = first - 1;
		return;
	}
	events_queue(r, c, frames);
	*registry_counter(r, COUNTER_EVENTS) += n;
}

/* Copies the frames to the subscribers of their bucket who want all of them. */
static void
deliver(struct registry *r, struct topic *t, struct piece *p)
{
	struct subscription *s;

	if (p->n > 0)
		LIST_FOREACH(s, &t->subscriptions, topic_entry)
			if (s->prefix_size == 0)
				deliver_to(r, s->conn, buf_bytes(&p->frames),
				    p->first, p->n);
	buf_truncate(&p->frames, 0);
	p->n = 0;
}

/* Copies the frame of this change, which begins there, to those who want it
 * because of its key. */
static void
deliver_last(struct registry *r, struct topic *t, const struct change *change,
    const struct piece *p, size_t at)
{
	struct bytes frame = { buf_data(&p->frames) + at,
		buf_size(&p->frames) - at };
	struct subscription *s;

	if (t->prefixed == 0)
		return;
	LIST_FOREACH(s, &t->subscriptions, topic_entry)
		if (s->prefix_size > 0 &&
		    (change->type == CHANGE_DROPPED ||
			bytes_begin_with(change->key, topic_prefix(s))))
			deliver_to(r, s->conn, frame, p->first + p->n - 1, 1);
}

/*
 * The bucket is gone; a later one of this name is another bucket.  Those who have
 * yet to be told so keep the subscription until then.  With the last subscription
 * the topic ends.
 */
static void
drop(struct registry *r, struct topic *t)
{
	struct subscription *s, *next;

	LIST_FOREACH_SAFE(s, &t->subscriptions, topic_entry, next)
		if (s->conn->events.slow)
			topic_move(r, s, false);
		else
			topic_unsubscribe(r, s);
}

static bool
is_of(const struct topic *t, struct bytes bucket)
{
	return t != NULL && bytes_equal(topic_bucket(t), bucket);
}

/* Successive changes of one bucket are copied in one piece. */
static void
publish_changes(struct registry *r, struct bytes noted, uint64_t revision,
    struct piece *p)
{
	struct topic *t = NULL;
	struct change change;
	uint64_t number;
	size_t at;

	for (number = 1; change_next(&noted, &change); number++) {
		if (!is_of(t, change.bucket)) {
			if (t != NULL)
				deliver(r, t, p);
			t = topic_find_live(r, change.bucket);
		}
		if (t == NULL)
			continue;
		if (p->n++ == 0)
			p->first = number;
		at = buf_size(&p->frames);
		encode(&p->frames, revision, number, &change);
		deliver_last(r, t, &change, p, at);
		if (change.type == CHANGE_DROPPED) {
			deliver(r, t, p);
			drop(r, t);
			t = NULL;
		}
	}
	if (t != NULL)
		deliver(r, t, p);
}

void
events_lag(struct registry *r, struct conn *c, uint64_t revision)
{
	events_queue_revision(r, c, EVENT_LAGGED, revision);
	c->events.lagged = true;
	events_leave(r, c);
}

/* Queues the last frame of a commit, unless the connection has yet to be told
 * of earlier ones, or of a part of this one. */
static void
end_commit(struct registry *r, struct conn *c, uint64_t revision)
{
	if (c->events.lagged || c->events.behind)
		return;
	if (!c->events.slow)
		events_queue_revision(r, c, EVENT_COMMIT, revision);
	else if (c->events.left <= LEFT_MAX)
		resume_fall_behind(r, c, revision - 1);
	else
		events_lag(r, c, revision);
}

static void
notify_all(struct registry *r, const struct conn_list *list)
{
	struct conn *c;

	TAILQ_FOREACH(c, list, entry)
		if (c->events.count > 0 &&
		    buf_size(&c->events.queue) <= EVENTS_QUEUE_MAX)
			notify(r, c);
}

/*
 * Subscribers to a bucket that nobody changes are told nothing, and what they
 * have seen is soon so old that the log does not reach back to it.  So each
 * time that the log begins anew everybody is told the revision.
 */
static void
follow_log(struct registry *r)
{
	uint64_t reach = store_reach(r->store);

	if (reach == r->reach)
		return;
	r->reach = reach;
	notify_all(r, &r->idle);
	notify_all(r, &r->ready);
}

void
events_publish(struct registry *r)
{
	struct bytes noted = buf_bytes(&r->changes.noted);
	uint64_t revision;
	struct conn *c;
	struct piece piece = { .n = 0 };

	follow_log(r);
	if (noted.size == 0 && TAILQ_EMPTY(&r->notified))
		return;
	store_release(r->store);
	revision = store_revision(events_last_commit(r));
	buf_init(&piece.frames);
	publish_changes(r, noted, revision, &piece);
	buf_clear(&piece.frames);
	change_undo(&r->changes, 0);
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
