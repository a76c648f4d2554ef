/*
 * turn: the order in which a turn's work is done.  Runs in the registry.
 */

#include "common/clock.h"
#include "registry/commit.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/full.h"
#include "registry/state.h"
#include "registry/request.h"
#include "registry/turn.h"
#include "store/store.h"

/* Keys that are looked up for COUNT in a turn: a few milliseconds' work. */
#define SETTLE_MAX 4000

/*
 * All at once and before anything is written: after a restart of the registry
 * every worker comes back.
 */
static void
greet_all(struct registry *r)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->ready, entry, next) {
		if (c->session.greeted)
			continue;
		(void)request_next(r, c);
		commit_finish(r, c);
	}
}

static void
run_housekeeping(struct registry *r)
{
	enum store_result result = housekeeping_run(r);

	warning_check_store(r, result);
	r->turn.full = result == STORE_FULL;
}

/* Executes the requests of one connection, as many as a turn takes. */
static void
execute(struct registry *r, struct conn *c)
{
	enum request_result result;

	do
		result = request_next(r, c);
	while (result == REQUEST_DONE);
	if (result == REQUEST_FULL)
		r->turn.full = true;
	else if (result == REQUEST_HOLD)
		conn_hold(r, c, CONN_HELD);
}

/* Steps 1 to 3.  Ends early, with turn.full set, when the store is full. */
static void
execute_ready(struct registry *r)
{
	struct conn *c, *next;

	greet_all(r);
	resume_run(r);
	run_housekeeping(r);
	TAILQ_FOREACH_SAFE(c, &r->ready, entry, next) {
		if (r->turn.full)
			return;
		execute(r, c);
		if (!c->turn.wrote)
			commit_finish(r, c);
	}
}

void
turn_run(struct registry *r)
{
	bool too_large;

	r->turn.replies = 0;
	r->turn.settle = SETTLE_MAX;
	r->wall_ms = clock_wall_ms(r->wall_base_ms);
	store_set_now(r->store, r->wall_ms);
	execute_ready(r);
	while ((r->turn.full || store_batch_open(r->store)) && !commit_run(r)) {
		too_large = r->turn.too_large;
		commit_rewind(r);
		if (too_large || store_grow(r->store) != STORE_OK) {
			full_run(r);
			break;
		}
		execute_ready(r);
	}
	commit_finish_writers(r);
	events_flush(r);
	store_release(r->store);
}
