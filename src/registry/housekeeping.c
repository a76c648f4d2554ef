/*
 * housekeeping: removes what has expired and what was dropped.  Runs in the
 * registry.
 */

#include "common/clock.h"
#include "registry/change.h"
#include "registry/state.h"
#include "registry/housekeeping.h"

/* Entries in a turn: a few milliseconds' work. */
#define STEP_MAX 500
/* Keys of a step of a fold, which goes in order: it takes about as long. */
#define FOLD_MAX 2000
/* So few that they dirty fewer pages than the store's reserve has. */
#define STEP_FULL_MAX 16
/* How often entries of dropped buckets are removed while workers are busy. */
#define PURGE_PAUSE_MS 100
/* Pause until the disk may have space again. */
#define RETRY_MS 1000
/* epoll_wait(2) does not count the time that the machine is suspended, and the
 * clock that entries expire by does: so no wait is longer than this. */
#define LOOK_MS 60000

enum store_result
housekeeping_init(struct registry *r)
{
	enum store_result result;
	struct store_view *view;
	struct store_stats stats;
	int64_t expiry_ms;

	r->housekeeping = (struct housekeeping){ .expire_at_ms = CLOCK_NEVER };
	if ((result = store_snapshot(r->store, &view)) != STORE_OK ||
	    (result = store_stats(view, &stats)) != STORE_OK ||
	    (result = housekeeping_next_expiry(view, &expiry_ms)) != STORE_OK)
		return result;
	r->housekeeping.purges = stats.dropped_buckets > 0;
	housekeeping_set_expiry(r, expiry_ms);
	return STORE_OK;
}

enum store_result
housekeeping_next_expiry(struct store_view *view, int64_t *expiry_ms)
{
	enum store_result result = store_next_expiry(view, expiry_ms);

	if (result != STORE_ABSENT)
		return result;
	*expiry_ms = CLOCK_NEVER;
	return STORE_OK;
}

void
housekeeping_set_expiry(struct registry *r, int64_t expiry_ms)
{
	int64_t wait_ms;

	r->housekeeping.expire_at_ms = CLOCK_NEVER;
	if (expiry_ms == CLOCK_NEVER)
		return;
	wait_ms = expiry_ms - clock_wall_ms(r->wall_base_ms);
	if (wait_ms < 0)
		wait_ms = 0;
	r->housekeeping.expire_at_ms =
	    clock_ms() + (wait_ms < LOOK_MS ? wait_ms : LOOK_MS);
}

void
housekeeping_set_purge(struct registry *r)
{
	r->housekeeping.purges = true;
}

void
housekeeping_pause(struct registry *r)
{
	r->housekeeping.not_before_ms = clock_ms() + RETRY_MS;
}

int64_t
housekeeping_deadline(const struct registry *r)
{
	const struct housekeeping *h = &r->housekeeping;
	int64_t deadline_ms =
	    h->purges || store_fold_due(r->store) ? 0 : h->expire_at_ms;

	return deadline_ms < h->not_before_ms ? h->not_before_ms : deadline_ms;
}

bool
housekeeping_is_due(const struct registry *r)
{
	int64_t deadline_ms = housekeeping_deadline(r);

	return deadline_ms != CLOCK_NEVER && deadline_ms <= clock_ms();
}

/* Purging waits for a turn without requests, but not longer than its pause. */
static bool
may_purge(const struct registry *r, int64_t now_ms)
{
	return r->housekeeping.purges &&
	    (TAILQ_EMPTY(&r->ready) || now_ms >= r->housekeeping.purge_at_ms);
}

static enum store_result
expire(struct registry *r, size_t max)
{
	enum store_result result;
	struct store_view *view;
	bool more;

	if ((result = store_batch(r->store, &view)) != STORE_OK)
		return result;
	return change_expire(&r->changes, view, max, &more);
}

static enum store_result
purge(struct registry *r, size_t max, int64_t now_ms)
{
	enum store_result result;
	bool more;

	r->housekeeping.purge_at_ms = now_ms + PURGE_PAUSE_MS;
	result = store_purge(r->store, max, &more);
	if (result == STORE_OK || result == STORE_DAMAGED)
		r->housekeeping.purges = more;
	return result;
}

/* Folding waits for a turn without requests, as long as it can. */
static enum store_result
fold(struct registry *r)
{
	bool more;

	if (!store_fold_due(r->store) ||
	    (!TAILQ_EMPTY(&r->ready) && !store_fold_lags(r->store)))
		return STORE_OK;
	return store_fold(r->store, FOLD_MAX, &more);
}

/* Damage is returned, after all that can be done was done. */
static enum store_result
run(struct registry *r, size_t max)
{
	enum store_result result = STORE_OK, expired = STORE_OK;
	int64_t now_ms = clock_ms();

	if (now_ms < r->housekeeping.not_before_ms)
		return STORE_OK;
	/* Before there is a batch, which expiring begins. */
	if (may_purge(r, now_ms))
		result = purge(r, max, now_ms);
	else
		result = fold(r);
	if ((result == STORE_OK || result == STORE_DAMAGED) &&
	    now_ms >= r->housekeeping.expire_at_ms)
		expired = expire(r, max);
	return expired == STORE_OK ? result : expired;
}

void
housekeeping_skip_next(struct registry *r)
{
	r->housekeeping.skip = !r->housekeeping.skipped;
}

enum store_result
housekeeping_run(struct registry *r)
{
	r->housekeeping.skipped = r->housekeeping.skip;
	r->housekeeping.skip = false;
	if (r->housekeeping.skipped || housekeeping_deadline(r) == CLOCK_NEVER)
		return STORE_OK;
	return run(r, STEP_MAX);
}

enum store_result
housekeeping_run_full(struct registry *r)
{
	if (housekeeping_deadline(r) == CLOCK_NEVER)
		return STORE_OK;
	return run(r, STEP_FULL_MAX);
}
