/*
 * resume: tells subscribers what they missed.  Runs in the registry.  A worker
 * may lie about what it was told, and then misleads its own client only.
 */

#include <sysexits.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/resume.h"
#include "registry/state.h"
#include "registry/topic.h"
#include "store/store.h"

/* Of the log and of what is queued, in a turn: about a millisecond's work. */
#define STEP_MAX ((size_t)512 << 10)
/* With more in its queue at the end of a commit a connection leaves the pass.
 * The other half is for what is committed when it is no longer behind. */
#define QUEUE_MAX (EVENTS_QUEUE_MAX / 2)
/* How long what was read of a folded segment is kept for those who come next: to
 * read it takes some 20 ms. */
#define KEEP_MS 10000
/* How many take part at a time: each may be queued a value of any size. */
#define JOINED_MAX 16
/* What a change costs besides its bytes. */
#define CHANGE_COST 64

/* It has been told of all commits up to this one, and of so many changes of the
 * next. */
static void
fall_behind(struct registry *r, struct conn *c, uint64_t seen, uint64_t told)
{
	c->events.behind = true;
	c->events.seen = seen;
	c->events.told = told;
	TAILQ_INSERT_TAIL(&r->behind, c, behind_entry);
}

bool
resume_begin(struct registry *r, struct conn *c, const struct hello *hello)
{
	struct bytes buckets = hello->buckets;
	struct hello_bucket b;
	size_t n = 0;

	if (buckets.size == 0)
		return true;
	fall_behind(r, c, hello->seen, hello->told);
	while (hello_next_bucket(&buckets, &b)) {
		if (b.name.size == 0 || n++ == MESSAGE_SUBSCRIPTIONS_MAX)
			return false;
		if (topic_subscription(c, b.name) == NULL)
			topic_subscribe(r, c, &b, false);
	}
	return buckets.size == 0;
}

void
resume_since(struct registry *r, struct conn *c, const struct hello_bucket *b,
    uint64_t revision)
{
	struct subscription *s, *next;

	LIST_FOREACH_SAFE(s, &c->events.subscriptions, conn_entry, next) {
		s->after = revision;
		topic_move(r, s, false);
	}
	topic_subscribe(r, c, b, false);
	fall_behind(r, c, b->after, 0);
}

void
resume_fall_behind(struct registry *r, struct conn *c, uint64_t seen)
{
	struct subscription *s, *next;

	LIST_FOREACH_SAFE(s, &c->events.subscriptions, conn_entry, next)
		if (s->topic->live)
			topic_move(r, s, false);
	c->events.fell = true;
	fall_behind(r, c, seen, c->events.told);
}

/* Nobody is behind any more. */
static void
end_pass(struct registry *r)
{
	r->resume.under_way = false;
	r->resume.close_at_ms = clock_ms() + KEEP_MS;
}

int64_t
resume_deadline(const struct registry *r)
{
	return r->resume.changes == NULL || !TAILQ_EMPTY(&r->behind) ?
	    CLOCK_NEVER :
	    r->resume.close_at_ms;
}

void
resume_expire(struct registry *r, int64_t now_ms)
{
	if (resume_deadline(r) > now_ms)
		return;
	store_changes_close(r->resume.changes);
	r->resume.changes = NULL;
}

static void
leave_pass(struct registry *r, struct conn *c)
{
	if (!c->events.joined)
		return;
	c->events.joined = false;
	r->resume.joined--;
}

void
resume_leave(struct registry *r, struct conn *c)
{
	if (!c->events.behind)
		return;
	leave_pass(r, c);
	c->events.behind = c->events.fell = false;
	TAILQ_REMOVE(&r->behind, c, behind_entry);
	if (TAILQ_EMPTY(&r->behind))
		end_pass(r);
}

/* The subscription goes on with the next commit, or has ended meanwhile. */
static void
make_live(struct registry *r, struct subscription *s, uint64_t revision)
{
	struct topic *t = s->topic;
	struct fields event = { .kind = EVENT_DROPPED,
		.bucket = topic_bucket(t) };
	enum store_result result;
	uint64_t id;

	result =
	    store_bucket_number(events_last_commit(r), topic_bucket(t), &id);
	warning_check_store(r, result);
	if (result == STORE_NO_BUCKET || (result == STORE_OK && id != t->id)) {
		events_encode(&s->conn->events.queue, revision, &event);
		events_account(r, s->conn);
		topic_unsubscribe(r, s);
	} else
		topic_move(r, s, true);
}

/* The connection is not behind any more. */
static void
catch_up(struct registry *r, struct conn *c, enum event_kind kind)
{
	uint64_t revision = store_revision(events_last_commit(r));
	struct subscription *s, *next;

	resume_leave(r, c);
	events_queue_revision(r, c, kind, revision);
	/* The new ones are put in front. */
	LIST_FOREACH_SAFE(s, &c->events.subscriptions, conn_entry, next)
		make_live(r, s, revision);
	if (!c->wants_out)
		conn_set_ready(r, c, buf_size(&c->in) > 0);
}

/* The log has gone on without the connection. */
static void
lose(struct registry *r, struct conn *c)
{
	if (!c->events.fell) {
		catch_up(r, c, EVENT_MISSED);
		return;
	}
	events_lag(r, c, store_revision(events_last_commit(r)));
	if (!c->wants_out)
		conn_set_ready(r, c, buf_size(&c->in) > 0);
}

/* Has it taken what was queued for it before? */
static bool
may_join(const struct conn *c)
{
	return !c->events.joined && buf_size(&c->events.queue) == 0;
}

/* Tells those of whom the log does not know all that they missed. */
static void
give_up_lost(struct registry *r)
{
	uint64_t reach = store_reach(r->store);
	uint64_t revision = store_revision(events_last_commit(r));
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->behind, behind_entry, next)
		if (may_join(c) &&
		    (c->events.seen < reach || c->events.seen > revision))
			lose(r, c);
}

/* Where the pass has to begin.  False: there is nobody to begin it for. */
static bool
find_start(const struct registry *r, uint64_t *revision)
{
	const struct conn *c;
	bool found = false;

	*revision = UINT64_MAX;
	TAILQ_FOREACH(c, &r->behind, behind_entry)
		if (may_join(c)) {
			found = true;
			if (c->events.seen < *revision)
				*revision = c->events.seen;
		}
	return found;
}

static void
join_pass(struct registry *r)
{
	struct conn *c;

	TAILQ_FOREACH(c, &r->behind, behind_entry)
		if (may_join(c) && c->events.seen >= r->resume.revision &&
		    r->resume.joined < JOINED_MAX) {
			c->events.joined = true;
			/* Of a part of that commit it has been told. */
			c->events.last_told =
			    c->events.told > 0 ? c->events.seen + 1 : 0;
			r->resume.joined++;
		}
}

/* False: nobody takes part. */
static bool
begin_pass(struct registry *r)
{
	struct resume *p = &r->resume;

	give_up_lost(r);
	if (!p->under_way) {
		if (!find_start(r, &p->revision))
			return false;
		if (p->changes == NULL &&
		    (p->changes = store_changes_open(r->store)) == NULL)
			fatal(EX_OSERR, "events");
		store_changes_seek(p->changes, p->revision);
		p->under_way = true;
	}
	join_pass(r);
	return true;
}

/* Nothing more is committed, or the log has gone on without those who take
 * part. */
static void
finish_pass(struct registry *r, bool lost)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->behind, behind_entry, next)
		if (c->events.joined && lost)
			lose(r, c);
		else if (c->events.joined)
			catch_up(r, c, EVENT_COMMIT);
	r->resume.under_way = false;
}

/* It has taken too little of what is queued for it, and waits for another pass,
 * behind the others. */
static void
postpone(struct registry *r, struct conn *c, uint64_t seen, uint64_t told)
{
	c->events.seen = seen;
	c->events.told = told;
	leave_pass(r, c);
	TAILQ_REMOVE(&r->behind, c, behind_entry);
	TAILQ_INSERT_TAIL(&r->behind, c, behind_entry);
}

/* Ends a commit for those who were told something of it. */
static void
end_commit(struct registry *r, uint64_t revision)
{
	struct conn *c, *next;

	if (!r->resume.told)
		return;
	r->resume.told = false;
	TAILQ_FOREACH_SAFE(c, &r->behind, behind_entry, next) {
		if (!c->events.joined || c->events.last_told != revision)
			continue;
		events_queue_revision(r, c, EVENT_COMMIT, revision);
		if (buf_size(&c->events.queue) > QUEUE_MAX)
			postpone(r, c, revision, 0);
	}
}

static void
encode(struct buf *b, const struct topic *t, const struct store_change *change)
{
	static const enum event_kind kinds[] = {
		[STORE_CHANGE_PUT] = EVENT_SET,
		[STORE_CHANGE_DELETED] = EVENT_DELETED,
		[STORE_CHANGE_DROPPED] = EVENT_DROPPED,
	};
	struct fields event = { .kind = (uint8_t)kinds[change->type],
		.change = change->number,
		.bucket = topic_bucket(t),
		.key = change->key,
		.value = change->value };

	events_encode(b, change->revision, &event);
}

/* Does it take part, and was it not told of this change before? */
static bool
is_new_to(const struct conn *c, const struct store_change *change)
{
	if (!c->events.joined || change->revision <= c->events.seen)
		return false;
	return change->revision > c->events.seen + 1 ||
	    change->number > c->events.told;
}

static bool
wants(const struct subscription *s, const struct store_change *change)
{
	return is_new_to(s->conn, change) && change->revision > s->after &&
	    (change->type == STORE_CHANGE_DROPPED ||
		bytes_begin_with(change->key, topic_prefix(s)));
}

/* One whose queue is empty is told in any case, so that all get on. */
static void
queue(struct registry *r, struct conn *c, const struct buf *frame,
    const struct store_change *change)
{
	if (buf_size(&c->events.queue) > 0 &&
	    !events_fit(r, c, buf_size(frame))) {
		postpone(r, c, change->revision - 1, change->number - 1);
		return;
	}
	events_queue(r, c, buf_bytes(frame));
	(*registry_counter(r, COUNTER_EVENTS))++;
	c->events.last_told = change->revision;
	r->resume.told = true;
}

/*
 * A bucket was dropped.  Who has subscribed since to another one of its name may
 * know it from before.
 */
static void
tell_replaced(struct registry *r, const struct store_change *change)
{
	struct fields event = { .kind = EVENT_REPLACED,
		.change = change->number };
	struct conn *c, *next;
	struct subscription *s;
	struct buf frame;

	buf_init(&frame);
	events_encode(&frame, change->revision, &event);
	TAILQ_FOREACH_SAFE(c, &r->behind, behind_entry, next) {
		s = topic_subscription(c, change->key);
		if (s != NULL && s->topic->id != change->bucket &&
		    wants(s, change))
			queue(r, c, &frame, change);
	}
	buf_clear(&frame);
}

/* Tells those who have subscribed to the bucket.  Returns how many bytes that
 * has queued. */
static size_t
tell(struct registry *r, struct topic *t, const struct store_change *change)
{
	struct subscription *s, *next;
	struct buf frame;
	size_t cost = 0;

	buf_init(&frame);
	encode(&frame, t, change);
	/* With the last subscription the topic ends. */
	LIST_FOREACH_SAFE(s, &t->subscriptions, topic_entry, next) {
		if (!wants(s, change))
			continue;
		queue(r, s->conn, &frame, change);
		cost += buf_size(&frame);
		/* Not one who has yet to be told. */
		if (change->type == STORE_CHANGE_DROPPED &&
		    s->conn->events.joined)
			topic_unsubscribe(r, s);
	}
	buf_clear(&frame);
	return cost;
}

/* Returns what it has cost. */
static size_t
take_change(struct registry *r, const struct store_change *change)
{
	size_t cost = CHANGE_COST;
	struct topic *t;

	r->resume.revision = change->revision;
	if (change->type == STORE_CHANGE_DROPPED)
		tell_replaced(r, change);
	if (change->type == STORE_CHANGE_COMMIT)
		end_commit(r, change->revision);
	else if ((t = topic_find_behind(r, change->bucket)) != NULL)
		cost += tell(r, t, change);
	return cost + change->key.size + change->value.size;
}

static void
go_on(struct registry *r)
{
	struct store_change change;
	enum store_result result;
	size_t cost = 0;

	while (r->resume.joined > 0 && cost < STEP_MAX) {
		result = store_changes_next(r->resume.changes, &change);
		warning_check_store(r, result);
		if (result != STORE_OK) {
			finish_pass(r, result != STORE_ABSENT);
			return;
		}
		cost += take_change(r, &change);
	}
	if (r->resume.joined == 0)
		r->resume.under_way = false;
}

bool
resume_is_due(const struct registry *r)
{
	uint64_t revision;

	return r->resume.under_way || find_start(r, &revision);
}

void
resume_run(struct registry *r)
{
	if (TAILQ_EMPTY(&r->behind))
		return;
	if (begin_pass(r))
		go_on(r);
	store_release(r->store);
	events_flush(r);
}
