/*
 * heartbeat: finds children that hang.  Runs in the master.
 */

#include "common/clock.h"
#include "master/heartbeat.h"

static void
set_due(struct heartbeat *h, int64_t timeout_ms, int64_t now_ms)
{
	int64_t interval_ms = timeout_ms / HEARTBEAT_PINGS;

	h->due_ms = timeout_ms == 0 ? CLOCK_NEVER :
				      now_ms + interval_ms + (interval_ms == 0);
}

void
heartbeat_start(struct heartbeat *h, int64_t timeout_ms, int64_t now_ms)
{
	h->unanswered = 0;
	set_due(h, timeout_ms, now_ms);
}

void
heartbeat_stop(struct heartbeat *h)
{
	h->due_ms = CLOCK_NEVER;
}

void
heartbeat_pong(struct heartbeat *h)
{
	h->unanswered = 0;
}

enum heartbeat_result
heartbeat_tick(struct heartbeat *h, int64_t timeout_ms, int64_t now_ms)
{
	if (now_ms < h->due_ms)
		return HEARTBEAT_WAIT;
	if (h->unanswered >= HEARTBEAT_PINGS) {
		heartbeat_stop(h);
		return HEARTBEAT_HUNG;
	}
	h->unanswered++;
	/* Counted from now: if the master was late, so may the child be. */
	set_due(h, timeout_ms, now_ms);
	return HEARTBEAT_PING;
}
