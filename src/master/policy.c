/*
 * policy: when a child is started, stopped, restarted and given up.  Runs in
 * the master.
 */

#include "common/clock.h"
#include "master/policy.h"

/* Which deadline the new state has. */
enum timer {
	TIMER_KEEP,
	TIMER_OFF,
	TIMER_START,
	TIMER_STOP,
	TIMER_ABORT,
	TIMER_RETRY,
};

struct transition {
	enum policy_action action;
	enum policy_state next;
	enum timer timer;
};

#define IMPOSSIBLE(state)                             \
	{                                             \
		POLICY_DO_COMPLAIN, state, TIMER_KEEP \
	}
#define IGNORE(state)                                \
	{                                            \
		POLICY_DO_NOTHING, state, TIMER_KEEP \
	}
#define BEGIN                                                 \
	{                                                     \
		POLICY_DO_START, POLICY_STARTING, TIMER_START \
	}
#define REST                                              \
	{                                                 \
		POLICY_DO_NOTHING, POLICY_IDLE, TIMER_OFF \
	}
#define RESTART                                              \
	{                                                    \
		POLICY_DO_RESTART, POLICY_WAITING, TIMER_OFF \
	}
#define GIVE_UP                                           \
	{                                                 \
		POLICY_DO_GIVE_UP, POLICY_IDLE, TIMER_OFF \
	}
#define END(state)                                     \
	{                                              \
		POLICY_DO_TERMINATE, state, TIMER_STOP \
	}
#define KILL(state)                              \
	{                                        \
		POLICY_DO_KILL, state, TIMER_OFF \
	}
#define RETRY(state)                                  \
	{                                             \
		POLICY_DO_NOTHING, state, TIMER_RETRY \
	}
#define ABORT                                                \
	{                                                    \
		POLICY_DO_ABORT, POLICY_FAILING, TIMER_ABORT \
	}

static const struct transition table[POLICY_STATES][POLICY_EVENTS] = {
	[POLICY_IDLE] = {
		[POLICY_START] = BEGIN,
		[POLICY_STOP] = IGNORE(POLICY_IDLE),
		[POLICY_REPLACE] = IGNORE(POLICY_IDLE),
		[POLICY_IS_READY] = IMPOSSIBLE(POLICY_IDLE),
		[POLICY_HUNG] = IMPOSSIBLE(POLICY_IDLE),
		[POLICY_ENDED_WELL] = IMPOSSIBLE(POLICY_IDLE),
		[POLICY_ENDED_BADLY] = IMPOSSIBLE(POLICY_IDLE),
		[POLICY_ENDED_FOR_GOOD] = IMPOSSIBLE(POLICY_IDLE),
		[POLICY_NOT_STARTED] = IMPOSSIBLE(POLICY_IDLE),
		[POLICY_DEADLINE] = IMPOSSIBLE(POLICY_IDLE),
	},
	[POLICY_WAITING] = {
		[POLICY_START] = IGNORE(POLICY_WAITING),
		[POLICY_STOP] = REST,
		[POLICY_REPLACE] = IGNORE(POLICY_WAITING),
		[POLICY_IS_READY] = IMPOSSIBLE(POLICY_WAITING),
		[POLICY_HUNG] = IMPOSSIBLE(POLICY_WAITING),
		[POLICY_ENDED_WELL] = IMPOSSIBLE(POLICY_WAITING),
		[POLICY_ENDED_BADLY] = IMPOSSIBLE(POLICY_WAITING),
		[POLICY_ENDED_FOR_GOOD] = IMPOSSIBLE(POLICY_WAITING),
		[POLICY_NOT_STARTED] = IMPOSSIBLE(POLICY_WAITING),
		[POLICY_DEADLINE] = BEGIN,
	},
	[POLICY_STARTING] = {
		[POLICY_START] = IGNORE(POLICY_STARTING),
		[POLICY_STOP] = END(POLICY_STOPPING),
		[POLICY_REPLACE] = END(POLICY_REPLACING),
		[POLICY_IS_READY] = { POLICY_DO_NOTHING, POLICY_READY,
		    TIMER_OFF },
		[POLICY_HUNG] = IGNORE(POLICY_STARTING),
		[POLICY_ENDED_WELL] = RESTART,
		[POLICY_ENDED_BADLY] = RESTART,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_NOT_STARTED] = RETRY(POLICY_WAITING),
		[POLICY_DEADLINE] = KILL(POLICY_FAILING),
	},
	[POLICY_READY] = {
		[POLICY_START] = IGNORE(POLICY_READY),
		[POLICY_STOP] = END(POLICY_STOPPING),
		[POLICY_REPLACE] = END(POLICY_REPLACING),
		[POLICY_IS_READY] = IGNORE(POLICY_READY),
		[POLICY_HUNG] = ABORT,
		[POLICY_ENDED_WELL] = RESTART,
		[POLICY_ENDED_BADLY] = RESTART,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_NOT_STARTED] = IMPOSSIBLE(POLICY_READY),
		[POLICY_DEADLINE] = IMPOSSIBLE(POLICY_READY),
	},
	[POLICY_FAILING] = {
		[POLICY_START] = IGNORE(POLICY_FAILING),
		/* It does not hear SIGTERM, or is dead already. */
		[POLICY_STOP] = KILL(POLICY_STOPPING),
		[POLICY_REPLACE] = IGNORE(POLICY_FAILING),
		[POLICY_IS_READY] = IGNORE(POLICY_FAILING),
		[POLICY_HUNG] = IGNORE(POLICY_FAILING),
		[POLICY_ENDED_WELL] = RESTART,
		[POLICY_ENDED_BADLY] = RESTART,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_NOT_STARTED] = IMPOSSIBLE(POLICY_FAILING),
		[POLICY_DEADLINE] = KILL(POLICY_FAILING),
	},
	[POLICY_REPLACING] = {
		/* Was to stop for good, and now is not. */
		[POLICY_START] = IGNORE(POLICY_REPLACING),
		[POLICY_STOP] = END(POLICY_STOPPING),
		[POLICY_REPLACE] = IGNORE(POLICY_REPLACING),
		[POLICY_IS_READY] = IGNORE(POLICY_REPLACING),
		[POLICY_HUNG] = IGNORE(POLICY_REPLACING),
		[POLICY_ENDED_WELL] = BEGIN,
		[POLICY_ENDED_BADLY] = BEGIN,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_NOT_STARTED] = IMPOSSIBLE(POLICY_REPLACING),
		[POLICY_DEADLINE] = KILL(POLICY_REPLACING),
	},
	[POLICY_STOPPING] = {
		[POLICY_START] = { POLICY_DO_NOTHING, POLICY_REPLACING,
		    TIMER_KEEP },
		/* Asked twice: do not wait. */
		[POLICY_STOP] = KILL(POLICY_STOPPING),
		[POLICY_REPLACE] = IGNORE(POLICY_STOPPING),
		[POLICY_IS_READY] = IGNORE(POLICY_STOPPING),
		[POLICY_HUNG] = IGNORE(POLICY_STOPPING),
		[POLICY_ENDED_WELL] = REST,
		[POLICY_ENDED_BADLY] = REST,
		[POLICY_ENDED_FOR_GOOD] = REST,
		[POLICY_NOT_STARTED] = IMPOSSIBLE(POLICY_STOPPING),
		[POLICY_DEADLINE] = KILL(POLICY_STOPPING),
	},
};

void
policy_init(struct policy *p)
{
	p->state = POLICY_IDLE;
	p->deadline_ms = CLOCK_NEVER;
	p->backoff_ms = 0;
	p->size = p->count = p->next = 0;
}

/* May it be restarted at once?  Then it counts. */
static bool
intensity_allows(struct policy *p, const struct policy_rules *rules,
    int64_t now_ms)
{
	if (p->size != rules->restarts) {
		p->size = rules->restarts;
		p->count = p->next = 0;
	}
	/* A full ring: the oldest one is the next to be written over. */
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

/* It has ended by itself. */
static enum policy_action
restart(struct policy *p, const struct policy_rules *rules,
    enum policy_event event, int64_t now_ms)
{
	if (rules->type == POLICY_TEMPORARY ||
	    (rules->type == POLICY_TRANSIENT && event == POLICY_ENDED_WELL)) {
		p->state = POLICY_IDLE;
		return POLICY_DO_NOTHING;
	}
	if (now_ms - p->started_ms >= POLICY_HEALTHY_MS)
		policy_init(p);
	p->state = POLICY_WAITING;
	p->deadline_ms = now_ms;
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

	p->state = t->next;
	set_timer(p, rules, t->timer, now_ms);
	if (t->action == POLICY_DO_RESTART)
		return restart(p, rules, event, now_ms);
	return t->action;
}

bool
policy_runs(const struct policy *p)
{
	return p->state != POLICY_IDLE && p->state != POLICY_WAITING;
}
