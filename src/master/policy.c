/*
 * policy: when a child is started, stopped, restarted and given up.  Runs in
 * the master.
 */

#include "common/clock.h"
#include "master/policy.h"

/* What becomes of the child's deadline. */
enum timer {
	TIMER_KEEP, /* it stays as it was */
	TIMER_OFF, /* there is none */
	TIMER_START, /* the child has to be ready by then */
	TIMER_AGAIN, /* the same, for one that has something to do first */
	TIMER_STOP, /* the child has to have ended by then */
	TIMER_ABORT, /* the child has to have dumped its core by then */
	TIMER_RETRY, /* fork(2) is tried again then */
};

struct transition {
	bool listed; /* false: the event changes nothing in this state */
	enum policy_action action;
	enum policy_state next;
	enum timer timer;
};

/* What the master does, the state that follows, and the deadline in it. */
#define TO(action, next, timer)                                         \
	{                                                               \
		true, POLICY_DO_##action, POLICY_##next, TIMER_##timer, \
	}

/* Only what changes something is listed.  For RESTART, restart() chooses the
 * next state and the deadline. */
static const struct transition table[POLICY_STATES][POLICY_EVENTS] = {
	[POLICY_IDLE] = {
		[POLICY_START] = TO(START, STARTING, START),
	},
	[POLICY_WAITING] = {
		[POLICY_STOP] = TO(NOTHING, IDLE, OFF),
		[POLICY_DEADLINE] = TO(START, STARTING, START),
	},
	[POLICY_STARTING] = {
		[POLICY_STOP] = TO(TERMINATE, STOPPING, STOP),
		[POLICY_REPLACE] = TO(TERMINATE, REPLACING, STOP),
		[POLICY_IS_ALIVE] = TO(NOTHING, STARTING, AGAIN),
		[POLICY_IS_READY] = TO(NOTHING, READY, OFF),
		[POLICY_ENDED] = TO(RESTART, WAITING, OFF),
		[POLICY_ENDED_FOR_GOOD] = TO(GIVE_UP, IDLE, OFF),
		[POLICY_NOT_STARTED] = TO(NOTHING, WAITING, RETRY),
		[POLICY_DEADLINE] = TO(KILL, FAILING, OFF),
	},
	[POLICY_READY] = {
		[POLICY_STOP] = TO(TERMINATE, STOPPING, STOP),
		[POLICY_REPLACE] = TO(TERMINATE, REPLACING, STOP),
		[POLICY_HUNG] = TO(ABORT, FAILING, ABORT),
		[POLICY_ENDED] = TO(RESTART, WAITING, OFF),
		[POLICY_ENDED_FOR_GOOD] = TO(GIVE_UP, IDLE, OFF),
	},
	[POLICY_FAILING] = {
		/* SIGTERM would be useless: the child hangs or is dead. */
		[POLICY_STOP] = TO(KILL, STOPPING, OFF),
		[POLICY_ENDED] = TO(RESTART, WAITING, OFF),
		[POLICY_ENDED_FOR_GOOD] = TO(GIVE_UP, IDLE, OFF),
		[POLICY_DEADLINE] = TO(KILL, FAILING, OFF),
	},
	[POLICY_REPLACING] = {
		[POLICY_STOP] = TO(TERMINATE, STOPPING, STOP),
		[POLICY_ENDED] = TO(START, STARTING, START),
		[POLICY_ENDED_FOR_GOOD] = TO(GIVE_UP, IDLE, OFF),
		[POLICY_DEADLINE] = TO(KILL, REPLACING, OFF),
	},
	[POLICY_STOPPING] = {
		/* The child is wanted after all: it ends, and is replaced. */
		[POLICY_START] = TO(NOTHING, REPLACING, KEEP),
		/* Whoever asks twice does not want to wait. */
		[POLICY_STOP] = TO(KILL, STOPPING, OFF),
		[POLICY_ENDED] = TO(NOTHING, IDLE, OFF),
		[POLICY_ENDED_FOR_GOOD] = TO(NOTHING, IDLE, OFF),
		[POLICY_DEADLINE] = TO(KILL, STOPPING, OFF),
	},
};

/* Can this event happen in this state at all? */
static bool
is_possible(enum policy_state state, enum policy_event event)
{
	switch (event) {
	case POLICY_IS_READY:
	case POLICY_HUNG:
	case POLICY_ENDED:
	case POLICY_ENDED_FOR_GOOD:
		/* Only a process that exists does these things. */
		return state != POLICY_IDLE && state != POLICY_WAITING;
	case POLICY_NOT_STARTED:
		return state == POLICY_STARTING;
	case POLICY_DEADLINE:
		/* These two states have no deadline. */
		return state != POLICY_IDLE && state != POLICY_READY;
	default:
		return true;
	}
}

void
policy_init(struct policy *p)
{
	p->state = POLICY_IDLE;
	p->deadline_ms = CLOCK_NEVER;
	p->backoff_ms = 0;
	p->size = p->count = p->next = 0;
}

/* May the child be restarted at once?  If so, this restart is counted. */
static bool
intensity_allows(struct policy *p, const struct policy_rules *rules,
    int64_t now_ms)
{
	if (p->size != rules->restarts) {
		p->size = rules->restarts;
		p->count = p->next = 0;
	}
	/* When the ring is full, the oldest restart is the next to be
	 * overwritten. */
	if (p->count == p->size &&
	    now_ms - p->restarts_ms[p->next] <= rules->period_ms)
		return false;
	p->restarts_ms[p->next] = now_ms;
	p->next = (p->next + 1) % p->size;
	if (p->count < p->size)
		p->count++;
	return true;
}

static void
back_off(struct policy *p)
{
	if (p->backoff_ms == 0)
		p->backoff_ms = POLICY_BACKOFF_MIN_MS;
	else
		p->backoff_ms *= 2;
	if (p->backoff_ms > POLICY_BACKOFF_MAX_MS)
		p->backoff_ms = POLICY_BACKOFF_MAX_MS;
}

/* The child has ended without being told to.  It is restarted at once, after a
 * delay, or not at all. */
static enum policy_action
restart(struct policy *p, const struct policy_rules *rules, int64_t now_ms)
{
	if (now_ms - p->started_ms >= POLICY_HEALTHY_MS)
		policy_init(p);
	p->state = POLICY_WAITING;
	p->deadline_ms = now_ms;
	/* Once it is delayed, each restart is, until the child has been healthy
	 * for POLICY_HEALTHY_MS. */
	if (p->backoff_ms == 0 && intensity_allows(p, rules, now_ms))
		return POLICY_DO_NOTHING;
	if (rules->gives_up) {
		p->state = POLICY_IDLE;
		p->deadline_ms = CLOCK_NEVER;
		return POLICY_DO_GIVE_UP;
	}
	back_off(p);
	p->deadline_ms = now_ms + p->backoff_ms;
	return POLICY_DO_NOTHING;
}

static void
set_timer(struct policy *p, const struct policy_rules *rules, enum timer timer,
    int64_t now_ms)
{
	switch (timer) {
	case TIMER_KEEP:
		return;
	case TIMER_OFF:
		p->deadline_ms = CLOCK_NEVER;
		return;
	case TIMER_START:
		p->started_ms = now_ms;
		p->deadline_ms = now_ms + rules->start_ms;
		return;
	case TIMER_AGAIN:
		p->deadline_ms = now_ms + rules->start_ms;
		return;
	case TIMER_STOP:
		p->deadline_ms = now_ms + rules->stop_ms;
		return;
	case TIMER_ABORT:
		p->deadline_ms = now_ms + rules->abort_ms;
		return;
	case TIMER_RETRY:
		p->deadline_ms = now_ms + POLICY_RETRY_MS;
		return;
	}
}

enum policy_action
policy_step(struct policy *p, const struct policy_rules *rules,
    enum policy_event event, int64_t now_ms)
{
	const struct transition *t = &table[p->state][event];

	if (!t->listed)
		return is_possible(p->state, event) ? POLICY_DO_NOTHING :
						      POLICY_DO_COMPLAIN;
	p->state = t->next;
	set_timer(p, rules, t->timer, now_ms);
	if (t->action == POLICY_DO_RESTART)
		return restart(p, rules, now_ms);
	return t->action;
}

bool
policy_runs(const struct policy *p)
{
	return p->state != POLICY_IDLE && p->state != POLICY_WAITING;
}
