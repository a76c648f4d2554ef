/*
 * turn: group commit.  Runs in the registry.
 *
 * A connection's requests are executed in order: reads from the snapshot of
 * the last commit until its first write of the turn, all that follows in the
 * batch, so that it reads what it wrote.  Replies that depend on the batch
 * stay in `out` until the commit, and are stored with it.  The requests stay
 * in `in` as long, so that a turn that found no room can be taken back and
 * executed again.
 */

#include <sysexits.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/message.h"
#include "registry/calls.h"
#include "registry/change.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/listing.h"
#include "registry/outcome.h"
#include "registry/registry.h"
#include "registry/turn.h"
#include "store/store.h"

/* A connection's output in a turn, at most, but for its last reply. */
#define OUT_MAX ((size_t)256 << 10)
/*
 * The same if it writes: these replies are stored with the commit.  A read
 * that would exceed it waits for the next turn and its snapshot.
 */
#define RECORD_MAX ((size_t)32 << 10)
/* Requests with writes in one batch, in bytes: LMDB keeps the pages that a
 * transaction writes in memory. */
#define BATCH_MAX ((size_t)16 << 20)

enum step {
	STEP_DONE, /* executed; go on */
	STEP_WAIT, /* not executed: for more input, or for the next turn */
	STEP_FULL, /* not executed: no room */
};

static void
store_check(struct registry *r, enum store_result result)
{
	if (result == STORE_FAILED)
		fatalx(EX_IOERR, "%s", store_error(r->store));
	if (result == STORE_DAMAGED)
		warning_damage(r);
}

static enum step
break_conn(struct registry *r, struct conn *c, const char *why)
{
	warning_close(r, why);
	c->broken = true;
	return STEP_WAIT;
}

/* An earlier connection, whose end has not been seen yet, has the record no
 * longer: it would have it deleted. */
static void
disown_outcome(struct registry *r, uint64_t session)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->recorded, recorded_entry, next)
		if (c->session == session)
			conn_set_recorded(r, c, false);
}

/* What an earlier connection of this session may not have been told. */
static void
claim_outcome(struct registry *r, struct conn *c)
{
	enum store_result result;
	struct store_view *view;
	struct bytes frames = { NULL, 0 };

	outcome_claim(&r->left, c->session);
	disown_outcome(r, c->session);
	store_check(r, store_snapshot(r->store, &view));
	result = store_get_outcome(view, c->session, &frames);
	store_check(r, result);
	if (result != STORE_OK)
		return;
	conn_set_recorded(r, c, true);
	if (!outcome_check(frames, &c->outcome_last)) {
		log_warnx("a session's outcomes are malformed; ignored");
		return;
	}
	buf_append(&c->outcome, frames.data, frames.size);
	if (buf_failed(&c->outcome))
		fatalx(EX_OSERR, "out of memory");
}

/*
 * Subscribing needs a turn without writes before it: of those that there are
 * already, nothing may have been noted, and it would miss them.  So does
 * unsubscribing, which would miss what came before it.
 */
static bool
may_subscribe(struct registry *r, struct conn *c)
{
	if (!store_batch_open(r->store))
		return true;
	conn_set_first(r, c);
	/* Upkeep opens one, too; it does not yield twice in a row. */
	r->upkeep.yields = !r->upkeep.yielded;
	return false;
}

/* There is no batch: see greet_all(). */
static enum step
greet(struct registry *r, struct conn *c, const struct message *m)
{
	struct bytes body = m->body;
	uint16_t version = 0;
	uint64_t seen = 0;

	if (m->type != MESSAGE_HELLO || !message_get_u16(&body, &version) ||
	    !message_get_u64(&body, &c->session) ||
	    !message_get_u64(&body, &seen))
		return break_conn(r, c, "no greeting");
	if (version != MESSAGE_VERSION)
		return break_conn(r, c, "other message version");
	if (!events_resume(r, c, seen, body))
		return break_conn(r, c, "malformed greeting");
	c->greeted = true;
	claim_outcome(r, c);
	/* Gone for good: a turn that is taken back does not greet again. */
	buf_consume(&c->in, m->frame_size);
	return STEP_DONE;
}

static struct store_view *
choose_view(struct registry *r, struct conn *c, const struct call *call)
{
	enum store_result result;
	struct store_view *view;

	if (call->writes && !c->wrote) {
		c->wrote = true;
		conn_set_recorded(r, c, true);
	}
	result = c->wrote ? store_batch(r->store, &view) :
			    store_snapshot(r->store, &view);
	store_check(r, result);
	return view;
}

/* Was it executed by an earlier registry?  Then its reply is in the record. */
static bool
is_repeated(const struct conn *c, const struct message *m, struct bytes *reply)
{
	struct bytes frames = { buf_data(&c->outcome), buf_size(&c->outcome) };

	return outcome_find(frames, m->sequence, reply);
}

static bool
answer_again(struct conn *c, const struct message *m)
{
	struct bytes reply;

	if (!is_repeated(c, m, &reply))
		return false;
	buf_append(&c->out, reply.data, reply.size);
	return true;
}

static enum step
execute_call(struct registry *r, struct conn *c, const struct message *m)
{
	const struct call *call = call_find(m->type);
	size_t before = buf_size(&c->out);
	enum store_result result;
	struct call_args args;

	if (call == NULL ||
	    !call_decode(call, m->body, (size_t)r->config->max_value, &args))
		return break_conn(r, c, "malformed request");
	if (answer_again(c, m))
		return STEP_DONE;
	if (call->writes && before > RECORD_MAX)
		return STEP_WAIT;
	result = call_run(call, r, choose_view(r, c, call), &args, m->sequence,
	    &c->out);
	store_check(r, result);
	if (result == STORE_FULL)
		return STEP_FULL;
	if (c->wrote && !call->writes && buf_size(&c->out) > RECORD_MAX) {
		buf_truncate(&c->out, before);
		return STEP_WAIT;
	}
	if (call->writes)
		r->turn_bytes += m->frame_size;
	return STEP_DONE;
}

static enum step
execute_subscribe(struct registry *r, struct conn *c, const struct message *m)
{
	struct bytes body = m->body, bucket, reply;
	enum status status = STATUS_OK;

	if (!message_get_name(&body, &bucket) || bucket.size == 0 ||
	    body.size != 0)
		return break_conn(r, c, "malformed request");
	if (!may_subscribe(r, c))
		return STEP_WAIT;
	if (m->type == MESSAGE_UNSUBSCRIBE)
		events_unsubscribe(r, c, bucket);
	else
		status =
		    events_subscribe(r, c, bucket, is_repeated(c, m, &reply));
	call_reply_status(&c->out, m->sequence, status);
	return STEP_DONE;
}

static enum step
execute_listing(struct registry *r, struct conn *c, const struct message *m)
{
	/* It reads the last commit, so what this has written comes first. */
	if (c->wrote)
		return STEP_WAIT;
	if (!listing_run(r, c, m))
		return break_conn(r, c, "malformed request");
	return STEP_DONE;
}

static enum step
execute_request(struct registry *r, struct conn *c, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_LIST:
		return execute_listing(r, c, m);
	case MESSAGE_SUBSCRIBE:
	case MESSAGE_UNSUBSCRIBE:
		return execute_subscribe(r, c, m);
	default:
		return execute_call(r, c, m);
	}
}

/* Executes the next request of `in`, if it is whole and the turn has room. */
static enum step
execute_next(struct registry *r, struct conn *c)
{
	size_t size = buf_size(&c->in) - c->executed;
	struct message m;
	enum step step;
	int rc;

	rc = size == 0 ?
	    0 :
	    message_get(buf_data(&c->in) + c->executed, size,
		message_request_max((size_t)r->config->max_value), &m);
	if (rc == -1)
		break_conn(r, c, "malformed message");
	if (rc != 1) {
		conn_set_ready(r, c, false);
		return STEP_WAIT;
	}
	if (buf_size(&c->out) > OUT_MAX || r->turn_bytes > BATCH_MAX)
		return STEP_WAIT;
	if (!c->greeted)
		return greet(r, c, &m);
	step = execute_request(r, c, &m);
	if (step == STEP_DONE) {
		r->requests++;
		c->executed += m.frame_size;
		c->last_sequence = m.sequence;
	}
	/* Committing what cannot be answered would do it twice. */
	if (buf_failed(&c->out) || change_failed(&r->changes))
		fatalx(EX_OSERR, "out of memory");
	return step;
}

/* The connection's part of the turn has happened: answer. */
static void
settle(struct registry *r, struct conn *c)
{
	buf_consume(&c->in, c->executed);
	c->executed = 0;
	c->wrote = false;
	c->settled_sequence = c->last_sequence;
	if (c->last_sequence >= c->outcome_last)
		buf_clear(&c->outcome);
	if (c->broken)
		conn_close(r, c);
	else
		conn_flush(r, c);
}

static void
execute(struct registry *r, struct conn *c)
{
	enum step step;

	do
		step = execute_next(r, c);
	while (step == STEP_DONE);
	if (step == STEP_FULL)
		r->turn_full = true;
}

/* Puts the outcomes of this turn's writers, and deletes what has arrived. */
static enum store_result
record_outcomes(struct registry *r, struct store_view *view)
{
	enum store_result result = STORE_OK;
	struct outcome *o = NULL;
	struct conn *c;

	TAILQ_FOREACH(c, &r->recorded, recorded_entry) {
		if (c->wrote)
			result = store_put_outcome(view, c->session,
			    (struct bytes){ buf_data(&c->out),
				buf_size(&c->out) });
		else if (conn_is_delivered(c)) {
			c->forgotten = true;
			result = store_delete_outcome(view, c->session);
		}
		if (result != STORE_OK)
			return result;
	}
	while (result == STORE_OK &&
	    (o = outcome_expired(&r->left, o, r->now_ms)) != NULL)
		result = store_delete_outcome(view, o->session);
	return result;
}

/* The batch that deleted records is committed. */
static void
forget_outcomes(struct registry *r)
{
	struct outcome *o;
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->recorded, recorded_entry, next)
		if (c->forgotten) {
			c->forgotten = false;
			conn_set_recorded(r, c, false);
		}
	while ((o = outcome_expired(&r->left, NULL, r->now_ms)) != NULL)
		outcome_free(&r->left, o);
}

/* Commits the batch with its outcomes.  False: no room, nothing done. */
static bool
commit(struct registry *r)
{
	enum store_result result;
	struct store_view *view;
	int64_t expiry_ms = CLOCK_NEVER;

	if (r->turn_full)
		return false;
	r->now_ms = clock_ms();
	store_check(r, store_batch(r->store, &view));
	result = record_outcomes(r, view);
	if (result == STORE_OK)
		result = upkeep_next_expiry(view, &expiry_ms);
	if (result == STORE_OK)
		result = store_commit(r->store);
	store_check(r, result);
	if (result == STORE_FULL)
		return false;
	r->commits++;
	upkeep_set_expiry(r, expiry_ms);
	events_publish(r);
	forget_outcomes(r);
	if (store_unsynced(r->store) && r->config->sync_ms > 0 &&
	    r->sync_at_ms == CLOCK_NEVER)
		r->sync_at_ms = r->now_ms + r->config->sync_ms;
	return true;
}

/* Takes back what the turn did for this connection. */
static void
rewind_conn(struct registry *r, struct conn *c)
{
	buf_truncate(&c->out, 0);
	c->executed = 0;
	c->last_sequence = c->settled_sequence;
	c->wrote = false;
	conn_set_ready(r, c, true);
}

static void
rewind_turn(struct registry *r)
{
	struct conn *c;

	store_abort(r->store);
	store_release(r->store);
	change_undo(&r->changes, 0);
	r->turn_full = false;
	r->turn_bytes = 0;
	TAILQ_FOREACH(c, &r->recorded, recorded_entry) {
		c->forgotten = false;
		if (c->wrote)
			rewind_conn(r, c);
	}
}

/* The next request of a connection, alone, in a store that cannot grow. */
static bool
execute_alone(struct registry *r, struct conn *c, bool reserve)
{
	rewind_turn(r);
	store_check(r, store_use_reserve(r->store, reserve));
	if (execute_next(r, c) == STEP_FULL)
		return false;
	return !c->wrote || commit(r);
}

static void
refuse_next(struct registry *r, struct conn *c)
{
	struct message m;

	rewind_turn(r);
	if (message_get(buf_data(&c->in), buf_size(&c->in), SIZE_MAX, &m) != 1)
		return;
	call_reply_status(&c->out, m.sequence, STATUS_STORAGE_FULL);
	c->executed = m.frame_size;
	c->last_sequence = m.sequence;
}

static bool
next_frees(const struct conn *c)
{
	const struct call *call;
	struct message m;

	return message_get(buf_data(&c->in), buf_size(&c->in), SIZE_MAX, &m) ==
	    1 &&
	    (call = call_find(m.type)) != NULL && call_frees(call, m.body);
}

/* What listings have in view is no room, however much is deleted of it: they
 * give way.  False: there are none. */
static bool
end_listings(struct registry *r)
{
	if (TAILQ_EMPTY(&r->listings))
		return false;
	listing_expire(r, CLOCK_NEVER - 1);
	return true;
}

/* Removes a little of what has expired or was dropped, by the reserve. */
static void
keep_up_full(struct registry *r)
{
	enum store_result result;

	rewind_turn(r);
	store_check(r, store_use_reserve(r->store, true));
	result = upkeep_run_full(r);
	store_check(r, result);
	if (result == STORE_FULL ||
	    (store_batch_open(r->store) && !commit(r))) {
		end_listings(r);
		upkeep_pause(r);
	}
}

/* The same by the reserve, for what frees space. */
static bool
execute_freeing(struct registry *r, struct conn *c)
{
	if (!next_frees(c))
		return false;
	if (execute_alone(r, c, true))
		return true;
	return end_listings(r) && execute_alone(r, c, true);
}

/*
 * The disk is full.  Each ready connection gets its next request executed in
 * a commit of its own; what frees space may use the reserve, what takes
 * space and finds none is refused.
 */
static void
run_full(struct registry *r)
{
	struct conn_list turn;
	struct conn *c;

	TAILQ_INIT(&turn);
	keep_up_full(r);
	rewind_turn(r);
	TAILQ_CONCAT(&turn, &r->ready, entry);
	while ((c = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, c, entry);
		TAILQ_INSERT_TAIL(&r->ready, c, entry);
		if (!execute_alone(r, c, false) && !execute_freeing(r, c))
			refuse_next(r, c);
		settle(r, c);
	}
	store_check(r, store_use_reserve(r->store, false));
}

/* Removes what is due; its events come before those of the turn. */
static void
keep_up(struct registry *r)
{
	enum store_result result;

	result = r->upkeep.yields ? STORE_OK : upkeep_run(r);
	r->upkeep.yielded = r->upkeep.yields;
	r->upkeep.yields = false;
	store_check(r, result);
	r->turn_full = result == STORE_FULL;
}

/*
 * Before anything is written: what a worker has subscribed to is resumed
 * between two commits, and after a restart they all come back at once.
 */
static void
greet_all(struct registry *r)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->ready, entry, next) {
		if (c->greeted)
			continue;
		(void)execute_next(r, c);
		/* What it has missed it is told before any reply. */
		settle(r, c);
	}
}

/* Executes the ready connections; answers those that only read. */
static void
execute_ready(struct registry *r)
{
	struct conn *c, *next;

	greet_all(r);
	keep_up(r);
	TAILQ_FOREACH_SAFE(c, &r->ready, entry, next) {
		if (r->turn_full)
			return;
		execute(r, c);
		if (!c->wrote)
			settle(r, c);
	}
}

static void
settle_writers(struct registry *r)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->recorded, recorded_entry, next)
		if (c->wrote)
			settle(r, c);
}

void
turn_run(struct registry *r)
{
	r->turn_bytes = 0;
	r->wall_ms = clock_wall_ms(r->wall_base_ms);
	store_set_now(r->store, r->wall_ms);
	execute_ready(r);
	while (store_batch_open(r->store) && !commit(r)) {
		rewind_turn(r);
		if (store_grow(r->store) != STORE_OK) {
			run_full(r);
			break;
		}
		execute_ready(r);
	}
	settle_writers(r);
	events_flush(r);
	store_release(r->store);
}
