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
	bool listed; /* what is not listed changes nothing */
	enum policy_action action;
	enum policy_state next;
	enum timer timer;
};

#define BEGIN                                                       \
	{                                                           \
		true, POLICY_DO_START, POLICY_STARTING, TIMER_START \
	}
#define REST                                                    \
	{                                                       \
		true, POLICY_DO_NOTHING, POLICY_IDLE, TIMER_OFF \
	}
#define RESTART                                                    \
	{                                                          \
		true, POLICY_DO_RESTART, POLICY_WAITING, TIMER_OFF \
	}
#define GIVE_UP                                                 \
	{                                                       \
		true, POLICY_DO_GIVE_UP, POLICY_IDLE, TIMER_OFF \
	}
#define END(state)                                           \
	{                                                    \
		true, POLICY_DO_TERMINATE, state, TIMER_STOP \
	}
#define KILL(state)                                    \
	{                                              \
		true, POLICY_DO_KILL, state, TIMER_OFF \
	}
#define ABORT                                                      \
	{                                                          \
		true, POLICY_DO_ABORT, POLICY_FAILING, TIMER_ABORT \
	}
#define BECOME(state, timer)                          \
	{                                             \
		true, POLICY_DO_NOTHING, state, timer \
	}

static const struct transition table[POLICY_STATES][POLICY_EVENTS] = {
	[POLICY_IDLE] = {
		[POLICY_START] = BEGIN,
	},
	[POLICY_WAITING] = {
		[POLICY_STOP] = REST,
		[POLICY_DEADLINE] = BEGIN,
	},
	[POLICY_STARTING] = {
		[POLICY_STOP] = END(POLICY_STOPPING),
		[POLICY_REPLACE] = END(POLICY_REPLACING),
		[POLICY_IS_READY] = BECOME(POLICY_READY, TIMER_OFF),
		[POLICY_ENDED_WELL] = RESTART,
		[POLICY_ENDED_BADLY] = RESTART,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_NOT_STARTED] = BECOME(POLICY_WAITING, TIMER_RETRY),
		[POLICY_DEADLINE] = KILL(POLICY_FAILING),
	},
	[POLICY_READY] = {
		[POLICY_STOP] = END(POLICY_STOPPING),
		[POLICY_REPLACE] = END(POLICY_REPLACING),
		[POLICY_HUNG] = ABORT,
		[POLICY_ENDED_WELL] = RESTART,
		[POLICY_ENDED_BADLY] = RESTART,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
	},
	[POLICY_FAILING] = {
		/* It does not hear SIGTERM, or is dead already. */
		[POLICY_STOP] = KILL(POLICY_STOPPING),
		[POLICY_ENDED_WELL] = RESTART,
		[POLICY_ENDED_BADLY] = RESTART,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_DEADLINE] = KILL(POLICY_FAILING),
	},
	[POLICY_REPLACING] = {
		[POLICY_STOP] = END(POLICY_STOPPING),
		[POLICY_ENDED_WELL] = BEGIN,
		[POLICY_ENDED_BADLY] = BEGIN,
		[POLICY_ENDED_FOR_GOOD] = GIVE_UP,
		[POLICY_DEADLINE] = KILL(POLICY_REPLACING),
	},
	[POLICY_STOPPING] = {
		/* Was to stop for good, and now is not. */
		[POLICY_START] = BECOME(POLICY_REPLACING, TIMER_KEEP),
		/* Asked twice: do not wait. */
		[POLICY_STOP] = KILL(POLICY_STOPPING),
		[POLICY_ENDED_WELL] = REST,
		[POLICY_ENDED_BADLY] = REST,
		[POLICY_ENDED_FOR_GOOD] = REST,
		[POLICY_DEADLINE] = KILL(POLICY_STOPPING),
	},
};

/* Can this event come in this state at all? */
static bool
is_possible(enum policy_state state, enum policy_event event)
{
	switch (event) {
	case POLICY_IS_READY:
	case POLICY_HUNG:
	case POLICY_ENDED_WELL:
	case POLICY_ENDED_BADLY:
	case POLICY_ENDED_FOR_GOOD:
		/* Only a process says or does that. */
		return state != POLICY_IDLE && state != POLICY_WAITING;
	case POLICY_NOT_STARTED:
		return state == POLICY_STARTING;
	case POLICY_DEADLINE:
		/* In these there is none. */
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

	if (!t->listed)
		return is_possible(p->state, event) ? POLICY_DO_NOTHING :
						      POLICY_DO_COMPLAIN;
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
