/*
 * housekeeping: removes what has expired.  Runs in the registry.
 */

#include "common/clock.h"
#include "registry/change.h"
#include "registry/state.h"
#include "registry/housekeeping.h"

/* Entries in a turn: a few milliseconds' work. */
#define STEP_MAX 500
/* So few that they dirty fewer pages than the store's reserve has. */
#define STEP_FULL_MAX 16
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
	int64_t expiry_ms;

	r->housekeeping = (struct housekeeping){ .expire_at_ms = CLOCK_NEVER };
	if ((result = store_snapshot(r->store, &view)) != STORE_OK ||
	    (result = housekeeping_next_expiry(view, &expiry_ms)) != STORE_OK)
		return result;
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
housekeeping_pause(struct registry *r)
{
	r->housekeeping.not_before_ms = clock_ms() + RETRY_MS;
}

int64_t
housekeeping_deadline(const struct registry *r)
{
	const struct housekeeping *h = &r->housekeeping;

	/* When it may, the checkpointer has said something. */
	if (!store_may_write(r->store))
		return CLOCK_NEVER;
	return h->expire_at_ms < h->not_before_ms ? h->not_before_ms :
						    h->expire_at_ms;
}

bool
housekeeping_is_due(const struct registry *r)
{
	int64_t deadline_ms = housekeeping_deadline(r);

	return deadline_ms != CLOCK_NEVER && deadline_ms <= clock_ms();
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
run(struct registry *r, size_t max)
{
	int64_t now_ms = clock_ms();

	if (now_ms < r->housekeeping.not_before_ms ||
	    now_ms < r->housekeeping.expire_at_ms)
		return STORE_OK;
	return expire(r, max);
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
