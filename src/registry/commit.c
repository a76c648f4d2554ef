/*
 * commit: one commit for all connections that wrote.  Runs in the registry.
 *
 * Replies that depend on the batch stay in `out` until it is committed, and are
 * stored with it.  The requests stay in `in` as long, so that a turn for which
 * the store had no space can be taken back and executed again.
 */

#include "common/clock.h"
#include "registry/change.h"
#include "registry/commit.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/state.h"
#include "registry/session.h"
#include "store/store.h"

/* With an interval as `sync`: sets the deadline of a commit not yet durable. */
static void
plan_sync(struct registry *r)
{
	if (store_unsynced(r->store) && r->config->sync_ms > 0 &&
	    r->sync_at_ms == CLOCK_NEVER)
		r->sync_at_ms = r->now_ms + r->config->sync_ms;
}

static void
count_commit(struct registry *r, size_t size, int64_t us)
{
	(*registry_counter(r, COUNTER_COMMITS))++;
	*registry_counter(r, COUNTER_COMMIT_BYTES) += size;
	*registry_counter(r, COUNTER_EXPIRED) += r->changes.expired;
	counters_time(registry_counter(r, COUNTER_COMMIT_TIME), (uint64_t)us,
	    1);
	r->changes.expired = 0;
}

/*
 * The order matters.  Replies and the next expiry belong to the batch, so they
 * come before its commit; events and records that are done with come after it.
 */
bool
commit_run(struct registry *r)
{
	enum store_result result;
	struct store_view *view;
	int64_t expiry_ms = CLOCK_NEVER, start_us;
	size_t size = 0;

	if (r->turn.full)
		return false;
	start_us = clock_us();
	r->now_ms = start_us / 1000;
	result = store_batch(r->store, &view);
	if (result == STORE_OK)
		result = session_record(r, view);
	if (result == STORE_OK)
		result = housekeeping_next_expiry(view, &expiry_ms);
	if (result == STORE_OK) {
		size = store_batch_size(r->store);
		result = store_commit(r->store);
	}
	warning_check_store(r, result);
	r->turn.too_large = result == STORE_TOO_LARGE;
	if (result == STORE_FULL || result == STORE_TOO_LARGE)
		return false;
	count_commit(r, size, clock_us() - start_us);
	housekeeping_set_expiry(r, expiry_ms);
	events_publish(r);
	session_committed(r);
	plan_sync(r);
	return true;
}

/* Takes back what the turn did for a connection. */
static void
rewind_conn(struct registry *r, struct conn *c)
{
	buf_truncate(&c->out, 0);
	c->turn.executed = 0;
	c->turn.last_sequence = c->turn.start_sequence;
	c->turn.wrote = false;
	conn_set_ready(r, c, true);
}

void
commit_rewind(struct registry *r)
{
	struct conn *c;

	store_abort(r->store);
	store_release(r->store);
	change_undo(&r->changes, 0);
	r->changes.expired = 0;
	r->turn.full = r->turn.too_large = r->turn.slice.over = false;
	r->turn.replies = 0;
	session_rewind(r);
	/* Every connection that wrote is on this list: session_writes(). */
	TAILQ_FOREACH(c, &r->recorded, recorded_entry)
		if (c->turn.wrote)
			rewind_conn(r, c);
}

void
commit_finish(struct registry *r, struct conn *c)
{
	if (c->turn.executed > 0)
		memory_executed(c);
	buf_consume(&c->in, c->turn.executed);
	c->turn.executed = 0;
	c->turn.wrote = c->turn.subscribed = false;
	c->turn.start_sequence = c->turn.last_sequence;
	session_finish(c);
	if (!c->turn.broken)
		conn_flush(r, c);
	else if (c->session.greeted)
		conn_close(r, c);
	else
		session_refuse(r, c);
}

void
commit_finish_writers(struct registry *r)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->recorded, recorded_entry, next)
		if (c->turn.wrote)
			commit_finish(r, c);
}
