/*
 * full: one request at a time, while the disk is full.  Runs in the registry.
 */

#include "common/clock.h"
#include "registry/checkpoint.h"
#include "registry/commit.h"
#include "registry/conn.h"
#include "registry/full.h"
#include "registry/listing.h"
#include "registry/state.h"
#include "registry/request.h"
#include "store/store.h"

/* Takes back what was tried before, and opens the reserve or closes it. */
static void
begin_again(struct registry *r, bool reserve)
{
	commit_rewind(r);
	store_use_reserve(r->store, reserve);
}

/* Executes the next request of a connection, alone.  False: no space. */
static bool
execute_alone(struct registry *r, struct conn *c, bool reserve)
{
	begin_again(r, reserve);
	switch (request_next(r, c)) {
	case REQUEST_FULL:
		return false;
	case REQUEST_HOLD:
		conn_hold(r, c, CONN_HELD);
		return true;
	default:
		return !c->turn.wrote || commit_run(r);
	}
}

/* Pages that a listing's snapshot shows are not used again, however much is
 * deleted, so all listings end.  False: there are none. */
static bool
end_listings(struct registry *r)
{
	if (TAILQ_EMPTY(&r->listings))
		return false;
	listing_expire(r, CLOCK_NEVER - 1);
	return true;
}

/* The same with the reserve, if the request frees space. */
static bool
execute_freeing(struct registry *r, struct conn *c)
{
	if (!request_frees(c))
		return false;
	if (execute_alone(r, c, true))
		return true;
	return end_listings(r) && execute_alone(r, c, true);
}

/* Housekeeping removes a little, with the reserve. */
static void
remove_some(struct registry *r)
{
	enum store_result result;

	begin_again(r, true);
	result = housekeeping_run_full(r);
	warning_check_store(r, result);
	if (result == STORE_FULL ||
	    (store_batch_open(r->store) && !commit_run(r))) {
		end_listings(r);
		housekeeping_pause(r);
	}
}

/* What was deleted leaves no space before it is folded.  A request waits for
 * that once. */
static bool
wait_for_space(struct registry *r, struct conn *c)
{
	if (c->waited || !checkpoint_await(r))
		return false;
	c->waited = true;
	conn_hold(r, c, CONN_HELD);
	return true;
}

static void
serve(struct registry *r, struct conn *c)
{
	if (!execute_alone(r, c, false) && !execute_freeing(r, c)) {
		commit_rewind(r);
		if (!wait_for_space(r, c)) {
			request_refuse(c);
			c->waited = false;
		}
	}
	commit_finish(r, c);
}

void
full_run(struct registry *r)
{
	struct conn_list turn;
	struct slice slice;
	struct conn *c;

	TAILQ_INIT(&turn);
	remove_some(r);
	commit_rewind(r);
	slice_begin(&slice);
	TAILQ_CONCAT(&turn, &r->ready, entry);
	while (!slice.over && (c = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, c, entry);
		TAILQ_INSERT_TAIL(&r->ready, c, entry);
		serve(r, c);
		slice_look(&slice);
	}
	TAILQ_CONCAT(&turn, &r->ready, entry);
	TAILQ_CONCAT(&r->ready, &turn, entry);
	begin_again(r, false);
}
