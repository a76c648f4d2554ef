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
#include "store/store.h"

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
}

void
events_queue_revision(struct registry *r, struct conn *c, enum event_kind kind,
    uint64_t revision)
{
	struct fields event = { .kind = (uint8_t)kind };

	notify(r, c);
	events_encode(&c->events.queue, revision, &event);
}

struct store_view *
events_last_commit(struct registry *r)
{
	struct store_view *view;

	if (store_snapshot(r->store, &view) != STORE_OK)
		fatalx(EX_IOERR, "%s", store_error(r->store));
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

static void
deliver_to(struct registry *r, struct conn *c, struct bytes frames, uint64_t n)
{
	notify(r, c);
	if (c->events.slow)
		return;
	events_queue(r, c, frames);
	*registry_counter(r, COUNTER_EVENTS) += n;
}

/* Copies `n` frames to the subscribers of their bucket who want all of them. */
static void
deliver(struct registry *r, struct topic *t, struct buf *frames, uint64_t *n)
{
	struct subscription *s;

	LIST_FOREACH(s, &t->subscriptions, topic_entry)
		if (s->prefix_size == 0)
			deliver_to(r, s->conn, buf_bytes(frames), *n);
	buf_truncate(frames, 0);
	*n = 0;
}

/* Copies the last frame, which begins there, to those who want it because of
 * its key. */
static void
deliver_last(struct registry *r, struct topic *t, const struct change *change,
    const struct buf *frames, size_t at)
{
	struct bytes frame = { buf_data(frames) + at, buf_size(frames) - at };
	struct subscription *s;

	if (t->prefixed == 0)
		return;
	LIST_FOREACH(s, &t->subscriptions, topic_entry)
		if (s->prefix_size > 0 &&
		    (change->type == CHANGE_DROPPED ||
			bytes_begin_with(change->key, topic_prefix(s))))
			deliver_to(r, s->conn, frame, 1);
}

/* The bucket is gone; a later one of this name is another bucket.  With the
 * last subscription the topic ends. */
static void
drop(struct registry *r, struct topic *t)
{
	struct subscription *s, *next;

	LIST_FOREACH_SAFE(s, &t->subscriptions, topic_entry, next)
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
    struct buf *frames)
{
	struct topic *t = NULL;
	struct change change;
	uint64_t number, n = 0;
	size_t at;

	for (number = 1; change_next(&noted, &change); number++) {
		if (!is_of(t, change.bucket)) {
			if (t != NULL)
				deliver(r, t, frames, &n);
			t = topic_find_live(r, change.bucket);
		}
		if (t == NULL)
			continue;
		at = buf_size(frames);
		encode(frames, revision, number, &change);
		deliver_last(r, t, &change, frames, at);
		n++;
		if (change.type == CHANGE_DROPPED) {
			deliver(r, t, frames, &n);
			drop(r, t);
			t = NULL;
		}
	}
	if (t != NULL)
		deliver(r, t, frames, &n);
}

/* Queues the last frame of a commit, unless the connection has yet to be told
 * of earlier ones.  For a subscriber that is too slow this is LAGGED, and it
 * gets nothing more. */
static void
end_commit(struct registry *r, struct conn *c, uint64_t revision)
{
	if (c->events.lagged || c->events.behind)
		return;
	events_queue_revision(r, c,
	    c->events.slow ? EVENT_LAGGED : EVENT_COMMIT, revision);
	if (c->events.slow) {
		c->events.lagged = true;
		(*registry_counter(r, COUNTER_LAGGED))++;
		events_leave(r, c);
	}
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
	struct buf frames;

	follow_log(r);
	if (noted.size == 0 && TAILQ_EMPTY(&r->notified))
		return;
	store_release(r->store);
	revision = store_revision(events_last_commit(r));
	buf_init(&frames);
	publish_changes(r, noted, revision, &frames);
	buf_clear(&frames);
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
