/*
 * upkeep: removes what has expired and what was dropped.  Runs in the
 * registry.
 */

#include "common/clock.h"
#include "registry/change.h"
#include "registry/registry.h"
#include "registry/upkeep.h"

/* A turn's: a few milliseconds' work. */
#define STEP_MAX 500
/* A step that dirties fewer pages than the store's reserve has. */
#define STEP_FULL_MAX 16
/* When others keep the registry busy, dropped buckets go this often. */
#define PURGE_PAUSE_MS 100
/* Until the disk may have room again. */
#define RETRY_MS 1000
/* The clock that waits stands still while the machine is suspended, and the
 * one that entries expire by does not: look again. */
#define LOOK_MS 60000

enum store_result
upkeep_init(struct registry *r)
{
	enum store_result result;
	struct store_view *view;
	struct store_stats stats;
	int64_t expiry_ms;

	r->upkeep = (struct upkeep){ .expire_at_ms = CLOCK_NEVER };
	if ((result = store_snapshot(r->store, &view)) != STORE_OK ||
	    (result = store_stats(view, &stats)) != STORE_OK ||
	    (result = upkeep_next_expiry(view, &expiry_ms)) != STORE_OK)
		return result;
	r->upkeep.purges = stats.dropped_buckets > 0;
	upkeep_set_expiry(r, expiry_ms);
	return STORE_OK;
}

enum store_result
upkeep_next_expiry(struct store_view *view, int64_t *expiry_ms)
{
	enum store_result result = store_next_expiry(view, expiry_ms);

	if (result != STORE_ABSENT)
		return result;
	*expiry_ms = CLOCK_NEVER;
	return STORE_OK;
}

void
upkeep_set_expiry(struct registry *r, int64_t expiry_ms)
{
	int64_t wait_ms;

	r->upkeep.expire_at_ms = CLOCK_NEVER;
	if (expiry_ms == CLOCK_NEVER)
		return;
	wait_ms = expiry_ms - clock_wall_ms(r->wall_base_ms);
	if (wait_ms < 0)
		wait_ms = 0;
	r->upkeep.expire_at_ms =
	    clock_ms() + (wait_ms < LOOK_MS ? wait_ms : LOOK_MS);
}

void
upkeep_set_purge(struct registry *r)
{
	r->upkeep.purges = true;
}

void
upkeep_pause(struct registry *r)
{
	r->upkeep.not_before_ms = clock_ms() + RETRY_MS;
}

int64_t
upkeep_deadline(const struct registry *r)
{
	const struct upkeep *u = &r->upkeep;
	int64_t deadline_ms = u->purges ? 0 : u->expire_at_ms;

	return deadline_ms < u->not_before_ms ? u->not_before_ms : deadline_ms;
}

bool
upkeep_is_due(const struct registry *r)
{
	int64_t deadline_ms = upkeep_deadline(r);

	return deadline_ms != CLOCK_NEVER && deadline_ms <= clock_ms();
}

/* Dropped buckets wait for a turn without requests, but not for ever. */
static bool
may_purge(const struct registry *r, int64_t now_ms)
{
	return r->upkeep.purges &&
	    (TAILQ_EMPTY(&r->ready) || now_ms >= r->upkeep.purge_at_ms);
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

/* The last is done by a step that finds nothing: this batch may be aborted. */
static enum store_result
purge(struct registry *r, size_t max, int64_t now_ms)
{
	enum store_result result;
	struct store_view *view;
	struct store_stats stats;
	bool more;

	r->upkeep.purge_at_ms = now_ms + PURGE_PAUSE_MS;
	if ((result = store_batch(r->store, &view)) != STORE_OK ||
	    (result = store_stats(view, &stats)) != STORE_OK)
		return result;
	r->upkeep.purges = stats.dropped_buckets > 0;
	return r->upkeep.purges ? store_purge(view, max, &more) : STORE_OK;
}

/* Damage is reported, and does not keep the rest from being done. */
static enum store_result
run(struct registry *r, size_t max)
{
	enum store_result result = STORE_OK, purged = STORE_OK;
	int64_t now_ms = clock_ms();

	if (now_ms < r->upkeep.not_before_ms)
		return STORE_OK;
	if (now_ms >= r->upkeep.expire_at_ms)
		result = expire(r, max);
	if ((result == STORE_OK || result == STORE_DAMAGED) &&
	    may_purge(r, now_ms))
		purged = purge(r, max, now_ms);
	return purged == STORE_OK ? result : purged;
}

void
upkeep_skip_next(struct registry *r)
{
	r->upkeep.skip = !r->upkeep.skipped;
}

enum store_result
upkeep_run(struct registry *r)
{
	r->upkeep.skipped = r->upkeep.skip;
	r->upkeep.skip = false;
	if (r->upkeep.skipped || upkeep_deadline(r) == CLOCK_NEVER)
		return STORE_OK;
	return run(r, STEP_MAX);
}

enum store_result
upkeep_run_full(struct registry *r)
{
	if (upkeep_deadline(r) == CLOCK_NEVER)
		return STORE_OK;
	return run(r, STEP_FULL_MAX);
}
