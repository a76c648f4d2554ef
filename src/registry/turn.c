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

/* Workers that are greeted in a turn: a few milliseconds' work. */
#define GREET_MAX 1000
/* A connection whose requests of one turn take so long, or are so large, asks for
 * much: hundreds of small requests do not. */
#define HEAVY_US 1000
#define HEAVY_INPUT 4096
/* Keys that are looked up for COUNT in a turn: a few milliseconds' work. */
#define SETTLE_MAX 4000

/*
 * As many as possible at once, since after a restart of the registry every
 * worker comes back; and before anything is written.
 */
static void
greet_all(struct registry *r)
{
	struct conn *c, *next;
	int n = 0;

	TAILQ_FOREACH_SAFE(c, &r->ready, entry, next) {
		if (c->session.greeted)
			continue;
		if (n++ == GREET_MAX)
			return;
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

	request_fetch(r, c);
	do
		result = request_next(r, c);
	while (result == REQUEST_DONE);
	if (result == REQUEST_FULL)
		r->turn.full = true;
	else if (result == REQUEST_HOLD)
		conn_hold(r, c, CONN_HELD);
}

/* Does it ask for much, or has it lately?  One that has been told to come first
 * has to, or else it would never find the turn without a batch. */
static bool
is_heavy(const struct conn *c)
{
	return !c->first && (c->heavy || buf_size(&c->in) > HEAVY_INPUT);
}

static void
serve(struct registry *r, struct conn *c)
{
	struct slice *slice = &r->turn.slice;
	int64_t begin_us = slice->now_us;

	c->first = false;
	conn_set_last(r, c);
	execute(r, c);
	slice_look(slice);
	c->heavy = slice->now_us - begin_us > HEAVY_US;
	if (!c->turn.wrote)
		commit_finish(r, c);
}

/*
 * The connections take turns, too: one that has been served comes behind those
 * for which no time was left.
 */
static void
execute_some(struct registry *r, bool heavy)
{
	struct conn *c, *next, *last = TAILQ_LAST(&r->ready, conn_list);

	for (c = TAILQ_FIRST(&r->ready); c != NULL; c = next) {
		next = c == last ? NULL : TAILQ_NEXT(c, entry);
		if (!c->session.greeted || is_heavy(c) != heavy)
			continue;
		if (r->turn.full || r->turn.slice.over)
			return;
		serve(r, c);
	}
}

/* Who asks for little does not wait for all who ask for much, and of these at
 * least one is served in each turn. */
static void
execute_all(struct registry *r)
{
	slice_look(&r->turn.slice);
	r->turn.slice.over = false;
	execute_some(r, false);
	r->turn.slice.over = false;
	execute_some(r, true);
}

/* Steps 1 to 3.  Ends early, with turn.full set, when the store is full. */
static void
execute_ready(struct registry *r)
{
	slice_begin(&r->turn.slice);
	greet_all(r);
	resume_run(r);
	run_housekeeping(r);
	execute_all(r);
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
