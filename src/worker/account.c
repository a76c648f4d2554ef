/*
 * account: what a worker counts of its client.  Runs in the worker.
 */

#include "common/clock.h"
#include "worker/account.h"

void
account_init(struct account *a, struct activity *activity, uint64_t id,
    const struct title *title, size_t title_offset)
{
	a->activity = activity;
	a->id = id;
	a->title = *title;
	a->title_offset = title_offset;
	a->state = ACCOUNT_BUSY;
	activity_begin(activity, id, clock_ms());
}

void
account_received(struct account *a, size_t size)
{
	a->read_us = clock_us();
	a->activity->received += size;
}

void
account_status(struct account *a, size_t number, enum status status)
{
	if (status >= STATUS_ERRORS || status == STATUS_UNKNOWN_COMMAND)
		activity_command(a->activity, number)->errors++;
}

void
account_end_batch(struct account *a)
{
	uint64_t rest, us;
	size_t n;

	a->done_us = clock_us();
	us = (uint64_t)(a->done_us - a->read_us);
	a->activity->active_ms = a->done_us / 1000;
	for (rest = a->batch; rest != 0; rest &= rest - 1) {
		n = (size_t)__builtin_ctzll(rest);
		counters_time(activity_command(a->activity, n)->times, us,
		    a->counts[n]);
		a->activity->commands += a->counts[n];
		a->counts[n] = 0;
	}
	a->batch = 0;
}

int64_t
account_take_time(struct account *a)
{
	int64_t us = a->done_us != 0 ? a->done_us : clock_us();

	a->done_us = 0;
	return us;
}

void
account_write_title(struct account *a, enum account_state state)
{
	static const char words[][16] = {
		[ACCOUNT_BUSY] = "busy",
		[ACCOUNT_IDLE] = "idle",
		[ACCOUNT_TRANSACTION] = "transaction",
		[ACCOUNT_SUBSCRIBED] = "subscribed",
		[ACCOUNT_SENDING] = "sending",
		[ACCOUNT_WAITING] = "waiting",
	};

	a->state = state;
	title_set_end(&a->title, a->title_offset, words[state]);
}
