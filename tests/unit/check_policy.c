/*
 * check_policy: these tests check the supervision of a child, for each state
 * and event (master/policy).
 */

#include "unit.h"

#include "common/clock.h"
#include "master/policy.h"

/* The numbers in the tables below assume these values. */
_Static_assert(POLICY_BACKOFF_MIN_MS == 100 && POLICY_BACKOFF_MAX_MS == 30000 &&
	POLICY_HEALTHY_MS == 60000 && POLICY_STATES == 7 && POLICY_EVENTS == 10,
    "the tables know the limits");

/* No other number in these tests has these values. */
#define NOW_MS 1000000
#define STARTED_MS 999000
#define KEPT_MS 1000777
#define START_MS 30000
#define STOP_MS 12000
#define ABORT_MS 5000

static const struct policy_rules rules = {
	.restarts = 3,
	.period_ms = 5000,
	.start_ms = START_MS,
	.stop_ms = STOP_MS,
	.abort_ms = ABORT_MS,
};

static const char *const state_names[] = { "idle", "waiting", "starting",
	"ready", "failing", "replacing", "stopping" };
static const char *const event_names[] = { "start", "stop", "replace",
	"is alive", "is ready", "hung", "ended", "ended for good",
	"not started", "deadline" };

static struct policy
policy_in(enum policy_state state)
{
	struct policy p;

	memset(&p, 0x5a, sizeof(p));
	policy_init(&p);
	p.state = state;
	p.started_ms = STARTED_MS;
	p.deadline_ms = KEPT_MS;
	return p;
}

/* These say what must become of the deadline. */
enum {
	KEPT,
	OFF,
	NOW,
	START,
	STOP,
	ABORT,
	RETRY,
};

static const int64_t deadlines[] = {
	[KEPT] = KEPT_MS,
	[OFF] = CLOCK_NEVER,
	[NOW] = NOW_MS,
	[START] = NOW_MS + START_MS,
	[STOP] = NOW_MS + STOP_MS,
	[ABORT] = NOW_MS + ABORT_MS,
	[RETRY] = NOW_MS + POLICY_RETRY_MS,
};

struct cell {
	enum policy_action action;
	enum policy_state next;
	int deadline;
};

/* This table is for a first death, in the order of the enumerations. */
static const struct cell cell_table[POLICY_STATES][POLICY_EVENTS] = {
	{
	    /* These rows are for the state idle. */
	    { POLICY_DO_START, POLICY_STARTING, START },
	    { POLICY_DO_NOTHING, POLICY_IDLE, KEPT },
	    { POLICY_DO_NOTHING, POLICY_IDLE, KEPT },
	    { POLICY_DO_NOTHING, POLICY_IDLE, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_IDLE, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_IDLE, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_IDLE, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_IDLE, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_IDLE, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_IDLE, KEPT },
	},
	{
	    /* These rows are for the state waiting. */
	    { POLICY_DO_NOTHING, POLICY_WAITING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_IDLE, OFF },
	    { POLICY_DO_NOTHING, POLICY_WAITING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_WAITING, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_WAITING, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_WAITING, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_WAITING, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_WAITING, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_WAITING, KEPT },
	    { POLICY_DO_START, POLICY_STARTING, START },
	},
	{
	    /* These rows are for the state starting. */
	    { POLICY_DO_NOTHING, POLICY_STARTING, KEPT },
	    { POLICY_DO_TERMINATE, POLICY_STOPPING, STOP },
	    { POLICY_DO_TERMINATE, POLICY_REPLACING, STOP },
	    { POLICY_DO_NOTHING, POLICY_STARTING, START },
	    { POLICY_DO_NOTHING, POLICY_READY, OFF },
	    { POLICY_DO_NOTHING, POLICY_STARTING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_WAITING, NOW },
	    { POLICY_DO_GIVE_UP, POLICY_IDLE, OFF },
	    { POLICY_DO_NOTHING, POLICY_WAITING, RETRY },
	    { POLICY_DO_KILL, POLICY_FAILING, OFF },
	},
	{
	    /* These rows are for the state ready. */
	    { POLICY_DO_NOTHING, POLICY_READY, KEPT },
	    { POLICY_DO_TERMINATE, POLICY_STOPPING, STOP },
	    { POLICY_DO_TERMINATE, POLICY_REPLACING, STOP },
	    { POLICY_DO_NOTHING, POLICY_READY, KEPT },
	    { POLICY_DO_NOTHING, POLICY_READY, KEPT },
	    { POLICY_DO_ABORT, POLICY_FAILING, ABORT },
	    { POLICY_DO_NOTHING, POLICY_WAITING, NOW },
	    { POLICY_DO_GIVE_UP, POLICY_IDLE, OFF },
	    { POLICY_DO_COMPLAIN, POLICY_READY, KEPT },
	    { POLICY_DO_COMPLAIN, POLICY_READY, KEPT },
	},
	{
	    /* These rows are for the state failing. */
	    { POLICY_DO_NOTHING, POLICY_FAILING, KEPT },
	    { POLICY_DO_KILL, POLICY_STOPPING, OFF },
	    { POLICY_DO_NOTHING, POLICY_FAILING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_FAILING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_FAILING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_FAILING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_WAITING, NOW },
	    { POLICY_DO_GIVE_UP, POLICY_IDLE, OFF },
	    { POLICY_DO_COMPLAIN, POLICY_FAILING, KEPT },
	    { POLICY_DO_KILL, POLICY_FAILING, OFF },
	},
	{
	    /* These rows are for the state replacing. */
	    { POLICY_DO_NOTHING, POLICY_REPLACING, KEPT },
	    { POLICY_DO_TERMINATE, POLICY_STOPPING, STOP },
	    { POLICY_DO_NOTHING, POLICY_REPLACING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_REPLACING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_REPLACING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_REPLACING, KEPT },
	    { POLICY_DO_START, POLICY_STARTING, START },
	    { POLICY_DO_GIVE_UP, POLICY_IDLE, OFF },
	    { POLICY_DO_COMPLAIN, POLICY_REPLACING, KEPT },
	    { POLICY_DO_KILL, POLICY_REPLACING, OFF },
	},
	{
	    /* These rows are for the state stopping. */
	    { POLICY_DO_NOTHING, POLICY_REPLACING, KEPT },
	    { POLICY_DO_KILL, POLICY_STOPPING, OFF },
	    { POLICY_DO_NOTHING, POLICY_STOPPING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_STOPPING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_STOPPING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_STOPPING, KEPT },
	    { POLICY_DO_NOTHING, POLICY_IDLE, OFF },
	    { POLICY_DO_NOTHING, POLICY_IDLE, OFF },
	    { POLICY_DO_COMPLAIN, POLICY_STOPPING, KEPT },
	    { POLICY_DO_KILL, POLICY_STOPPING, OFF },
	},
};

TEST(test_cell)
{
	int state = _i / POLICY_EVENTS, event = _i % POLICY_EVENTS;
	const struct cell *cell = &cell_table[state][event];
	struct policy p = policy_in((enum policy_state)state);
	enum policy_action action;

	action = policy_step(&p, &rules, (enum policy_event)event, NOW_MS);
	ck_assert_msg(action == cell->action && p.state == cell->next &&
		p.deadline_ms == deadlines[cell->deadline],
	    "%s, %s: action %d, %s, deadline %lld", state_names[state],
	    event_names[event], action, state_names[p.state],
	    (long long)p.deadline_ms);
}

TEST(test_runs)
{
	static const bool runs[POLICY_STATES] = { false, false, true, true,
		true, true, true };
	struct policy p = policy_in((enum policy_state)_i);

	ck_assert_int_eq(policy_runs(&p), runs[_i]);
}

TEST(test_init)
{
	struct policy p;

	memset(&p, 0x5a, sizeof(p));
	policy_init(&p);
	ck_assert_int_eq(p.state, POLICY_IDLE);
	ck_assert_int_eq(p.deadline_ms, CLOCK_NEVER);
	ck_assert(!policy_runs(&p));
}

static const enum policy_state running[] = { POLICY_STARTING, POLICY_READY,
	POLICY_FAILING };

/* The exit status says that a restart would not help. */
TEST(test_for_good)
{
	struct policy p;
	size_t i;

	for (i = 0; i < COUNT(running); i++) {
		p = policy_in(running[i]);
		ck_assert_int_eq(
		    policy_step(&p, &rules, POLICY_ENDED_FOR_GOOD, NOW_MS),
		    POLICY_DO_GIVE_UP);
		ck_assert_int_eq(p.state, POLICY_IDLE);
	}
	/* A child that was told to end is an exception. */
	p = policy_in(POLICY_STOPPING);
	ck_assert_int_eq(policy_step(&p, &rules, POLICY_ENDED_FOR_GOOD, NOW_MS),
	    POLICY_DO_NOTHING);
}

/* A child that is ready dies after `life_ms`, at `now_ms`.  This returns the
 * delay before it is started again, or -1 if the master gives up. */
static int64_t
die(struct policy *p, const struct policy_rules *r, int64_t life_ms,
    int64_t now_ms)
{
	enum policy_action action;

	p->state = POLICY_READY;
	p->started_ms = now_ms - life_ms;
	p->deadline_ms = CLOCK_NEVER;
	action = policy_step(p, r, POLICY_ENDED, now_ms);
	if (action == POLICY_DO_GIVE_UP) {
		ck_assert_int_eq(p->state, POLICY_IDLE);
		ck_assert_int_eq(p->deadline_ms, CLOCK_NEVER);
		return -1;
	}
	ck_assert_int_eq(action, POLICY_DO_NOTHING);
	ck_assert_int_eq(p->state, POLICY_WAITING);
	return p->deadline_ms - now_ms;
}

#define DEATHS_MAX 20

/* The limit is `3 in 5s`. */
static const struct {
	const char *name;
	size_t count;
	struct {
		/* This is the time of death, relative to the clock's base. */
		int64_t now_ms;
		int64_t life_ms;
		int64_t delay_ms; /* This is the expected delay. */
	} deaths[DEATHS_MAX];
} scenario_table[] = {
	{ "one", 1, { { 0, 0, 0 } } },
	{ "four in the same millisecond", 5,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 0, 0, 200 } } },
	{ "dies on each start", 14,
	    { { 0, 0, 0 }, { 1, 1, 0 }, { 2, 1, 0 }, { 3, 1, 100 },
		{ 104, 1, 200 }, { 305, 1, 400 }, { 706, 1, 800 },
		{ 1507, 1, 1600 }, { 3108, 1, 3200 }, { 6309, 1, 6400 },
		{ 12710, 1, 12800 }, { 25511, 1, 25600 }, { 51112, 1, 30000 },
		{ 81113, 1, 30000 } } },

	{ "the fourth just within the period", 4,
	    { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 0 }, { 5000, 0, 100 } } },
	{ "the fourth just after the period", 4,
	    { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 0 }, { 5001, 0, 0 } } },
	{ "the period moves on, just within it", 5,
	    { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 0 }, { 5001, 0, 0 },
		{ 5001, 0, 100 } } },
	{ "the period moves on, just after it", 7,
	    { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 0 }, { 5001, 0, 0 },
		{ 5002, 0, 0 }, { 5003, 0, 0 }, { 5004, 0, 100 } } },
	{ "two periods side by side", 7,
	    { { 0, 0, 0 }, { 2500, 0, 0 }, { 5000, 0, 0 }, { 5001, 0, 0 },
		{ 7501, 0, 0 }, { 10001, 0, 0 }, { 10002, 0, 0 } } },
	{ "a pause before the third", 6,
	    { { 0, 0, 0 }, { 1, 0, 0 }, { 20000, 0, 0 }, { 20001, 0, 0 },
		{ 20002, 0, 0 }, { 20003, 0, 100 } } },

	{ "throttled in spite of pauses", 6,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 5001, 4901, 200 }, { 50000, 44000, 400 } } },
	{ "almost healthy", 5,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 60099, 59999, 200 } } },
	{ "healthy", 5,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 60100, 60000, 0 } } },
	{ "healthy for a year", 5,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 31536000100, 31536000000, 0 } } },
	{ "almost healthy, at the maximum", 14,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 0, 0, 200 }, { 0, 0, 400 }, { 0, 0, 800 }, { 0, 0, 1600 },
		{ 0, 0, 3200 }, { 0, 0, 6400 }, { 0, 0, 12800 },
		{ 0, 0, 25600 }, { 0, 0, 30000 }, { 90000, 59999, 30000 } } },
	{ "healthy, at the maximum", 14,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 0, 0, 200 }, { 0, 0, 400 }, { 0, 0, 800 }, { 0, 0, 1600 },
		{ 0, 0, 3200 }, { 0, 0, 6400 }, { 0, 0, 12800 },
		{ 0, 0, 25600 }, { 0, 0, 30000 }, { 90000, 60000, 0 } } },

	/* The death of a healthy child counts as the first of the next
	 * three. */
	{ "sick again, just within the period", 9,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 60100, 60000, 0 }, { 60101, 1, 0 }, { 60102, 1, 0 },
		{ 65100, 0, 100 }, { 65200, 0, 200 } } },
	{ "sick again, just after the period", 8,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 100 },
		{ 60100, 60000, 0 }, { 60101, 1, 0 }, { 60102, 1, 0 },
		{ 65101, 0, 0 } } },
	{ "healthy and never throttled", 7,
	    { { 0, 0, 0 }, { 0, 0, 0 }, { 60000, 60000, 0 }, { 60000, 0, 0 },
		{ 60000, 0, 0 }, { 60000, 0, 100 }, { 60100, 0, 200 } } },
};

/* Only differences between times matter. */
static const int64_t base_table[] = { 0, 1, 4999, 5000, 5001, 60000,
	INT64_C(1) << 31, INT64_C(1) << 62 };

static void
run_scenario(int i, int64_t base_ms)
{
	struct policy p;
	int64_t now_ms, want_ms, got_ms;
	size_t n;

	policy_init(&p);
	for (n = 0; n < scenario_table[i].count; n++) {
		now_ms = base_ms + scenario_table[i].deaths[n].now_ms;
		want_ms = scenario_table[i].deaths[n].delay_ms;
		got_ms = die(&p, &rules, scenario_table[i].deaths[n].life_ms,
		    now_ms);
		ck_assert_msg(got_ms == want_ms,
		    "%s: death %zu: %lld ms, not %lld", scenario_table[i].name,
		    n, (long long)got_ms, (long long)want_ms);
	}
}

TEST(test_scenario)
{
	size_t i;

	for (i = 0; i < COUNT(base_table); i++)
		run_scenario(_i, base_table[i]);
}

/* With `exit` kvd ends instead of waiting. */
TEST(test_gives_up)
{
	struct policy_rules strict = rules;
	struct policy p;
	int64_t got_ms;
	size_t n;

	strict.gives_up = true;
	policy_init(&p);
	for (n = 0; n < scenario_table[_i].count; n++) {
		got_ms = die(&p, &strict, scenario_table[_i].deaths[n].life_ms,
		    scenario_table[_i].deaths[n].now_ms);
		if (scenario_table[_i].deaths[n].delay_ms != 0) {
			ck_assert_int_eq(got_ms, -1);
			return;
		}
		ck_assert_int_eq(got_ms, 0);
	}
}

/* The child is throttled when a reload adds `exit`. */
TEST(test_gives_up_later)
{
	struct policy_rules strict = rules;
	struct policy p;
	int i;

	strict.gives_up = true;
	policy_init(&p);
	for (i = 0; i < 4; i++)
		(void)die(&p, &rules, 0, NOW_MS);
	ck_assert_int_eq(die(&p, &strict, 1, NOW_MS + 101), -1);
}

/* The child dies at regular intervals; three of them make a period. */
static const struct {
	int64_t every_ms;
	bool throttled;
} rhythm_table[] = {
	{ 1, true },
	{ 1000, true },
	{ 1666, true },
	{ 1667, false },
	{ 5000, false },
	{ 59999, false },
	{ 60000, false },
	{ 60001, false },
};

TEST(test_rhythm)
{
	int64_t every_ms = rhythm_table[_i].every_ms, at_ms = 0, want_ms;
	struct policy p;
	int i;

	policy_init(&p);
	for (i = 0; i < 1000; i++, at_ms += every_ms) {
		want_ms = i == 3 && rhythm_table[_i].throttled ? 100 : 0;
		ck_assert_int_eq(die(&p, &rules, every_ms, at_ms), want_ms);
		if (want_ms != 0)
			return;
	}
}

/* For any limit, one death too many counts exactly at the end of the period,
 * and not a millisecond later. */
static const unsigned int intensity_table[] = { 1, 2, 3, 10, 999,
	POLICY_RESTARTS_MAX };
static const int64_t period_table[] = { 1, 1000, 59000 };

static void
fill_period(struct policy *p, const struct policy_rules *r)
{
	unsigned int i;

	policy_init(p);
	for (i = 0; i < r->restarts; i++)
		ck_assert_int_eq(die(p, r, 1, NOW_MS), 0);
}

TEST(test_intensity)
{
	struct policy_rules dense = rules;
	struct policy p;
	unsigned int n;
	size_t i;

	dense.restarts = n = intensity_table[_i];
	for (i = 0; i < COUNT(period_table); i++) {
		dense.period_ms = period_table[i];
		fill_period(&p, &dense);
		ck_assert_int_eq(die(&p, &dense, 1, NOW_MS), 100);
		fill_period(&p, &dense);
		ck_assert_int_eq(die(&p, &dense, 1, NOW_MS + dense.period_ms),
		    100);
		fill_period(&p, &dense);
		/* This fills the ring of deaths twice. */
		for (n = 0; n < 2 * dense.restarts; n++)
			ck_assert_int_eq(die(&p, &dense, 1,
					     NOW_MS +
						 (dense.period_ms + 1) *
						     (1 + n / dense.restarts)),
			    0);
		ck_assert_int_eq(
		    die(&p, &dense, 1, NOW_MS + 2 * (dense.period_ms + 1)),
		    100);
	}
}

/* The model is a ring that remembers every death. */
TEST(test_intensity_model)
{
	static int64_t times[20000];
	uint64_t random = 88172645463325252ULL + (uint64_t)_i;
	struct policy_rules some = rules;
	int64_t at_ms = 0, got_ms;
	struct policy p;
	size_t n = 0, i, recent;

	policy_init(&p);
	some.restarts = 1 + unit_random(&random) % 20;
	some.period_ms = 1 + unit_random(&random) % 1000;
	for (i = 0; i < COUNT(times); i++) {
		at_ms += unit_random(&random) %
		    (uint32_t)(3 * some.period_ms / some.restarts + 2);
		for (recent = 0; recent < n &&
		     at_ms - times[n - 1 - recent] <= some.period_ms;
		     recent++)
			;
		got_ms = die(&p, &some, 0, at_ms);
		if (recent >= some.restarts) {
			ck_assert_int_eq(got_ms, POLICY_BACKOFF_MIN_MS);
			policy_init(&p);
			n = 0;
			continue;
		}
		ck_assert_int_eq(got_ms, 0);
		times[n++] = at_ms;
	}
}

/* A reload sets another limit, which counts from now on. */
TEST(test_intensity_changes)
{
	struct policy_rules more = rules, less = rules;
	struct policy p;
	int i;

	more.restarts = POLICY_RESTARTS_MAX;
	less.restarts = 1;
	policy_init(&p);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(die(&p, &rules, 1, NOW_MS), 0);
	for (i = 0; i < POLICY_RESTARTS_MAX; i++)
		ck_assert_int_eq(die(&p, &more, 1, NOW_MS), 0);
	ck_assert_int_eq(die(&p, &less, 1, NOW_MS), 0);
	ck_assert_int_eq(die(&p, &less, 1, NOW_MS), 100);
	/* A throttled child stays throttled until it is healthy. */
	ck_assert_int_eq(die(&p, &more, 1, NOW_MS + 101), 200);
	ck_assert_int_eq(die(&p, &more, 60000, NOW_MS + 60301), 0);
}

TEST(test_period_changes)
{
	struct policy_rules longer = rules;
	struct policy p;
	int i;

	longer.period_ms = 60000;
	policy_init(&p);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(die(&p, &rules, 1, NOW_MS), 0);
	ck_assert_int_eq(die(&p, &rules, 1, NOW_MS + 5001), 0);
	ck_assert_int_eq(die(&p, &longer, 1, NOW_MS + 10002), 100);
}

/* The delay stays while the child keeps failing, and it never overflows. */
TEST(test_stays_at_maximum)
{
	int64_t at_ms = 0, delay_ms = 0, last_ms = 0;
	struct policy p;
	int i;

	policy_init(&p);
	for (i = 0; i < 1000; i++) {
		delay_ms = die(&p, &rules, 4999, at_ms);
		ck_assert_int_ge(delay_ms, last_ms);
		ck_assert_int_le(delay_ms, POLICY_BACKOFF_MAX_MS);
		at_ms += delay_ms;
		last_ms = delay_ms;
	}
	ck_assert_int_eq(delay_ms, POLICY_BACKOFF_MAX_MS);
}

TEST(test_init_forgets)
{
	struct policy p;
	int i;

	policy_init(&p);
	for (i = 0; i < 5; i++)
		(void)die(&p, &rules, 0, 0);
	policy_init(&p);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(die(&p, &rules, 0, 0), 0);
	ck_assert_int_eq(die(&p, &rules, 0, 0), 100);
}

TEST(test_children_apart)
{
	struct policy sick, other;
	int i;

	policy_init(&sick);
	policy_init(&other);
	for (i = 0; i < 10; i++)
		(void)die(&sick, &rules, 0, 0);
	ck_assert_int_eq(die(&other, &rules, 0, 0), 0);
}

/* A child that was replaced or stopped did not die, so it does not count. */
TEST(test_replaced_does_not_count)
{
	struct policy p;
	int i;

	policy_init(&p);
	for (i = 0; i < 100; i++) {
		p.state = POLICY_READY;
		(void)policy_step(&p, &rules, POLICY_REPLACE, NOW_MS);
		ck_assert_int_eq(policy_step(&p, &rules, POLICY_ENDED, NOW_MS),
		    POLICY_DO_START);
	}
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(die(&p, &rules, 0, NOW_MS), 0);
}

/* These tables list whole lives of a child: when events happen, and the
 * actions. */
struct moment {
	int64_t at_ms;
	enum policy_event event;
	enum policy_action action;
	enum policy_state next;
	int64_t deadline_ms;
};

#define MOMENTS_MAX 8
#define NEVER CLOCK_NEVER

static const struct {
	const char *name;
	size_t count;
	struct moment moments[MOMENTS_MAX];
} life_table[] = {
	{ "starts, is ready, stops", 4,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_STOP, POLICY_DO_TERMINATE, POLICY_STOPPING,
		    12050 },
		{ 60, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_IDLE, NEVER } } },
	{ "is never ready", 4,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 30000, POLICY_DEADLINE, POLICY_DO_KILL, POLICY_FAILING,
		    NEVER },
		{ 30001, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_WAITING,
		    30001 },
		{ 30001, POLICY_DEADLINE, POLICY_DO_START, POLICY_STARTING,
		    60001 } } },
	{ "does not stop", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_STOP, POLICY_DO_TERMINATE, POLICY_STOPPING,
		    12050 },
		{ 12050, POLICY_DEADLINE, POLICY_DO_KILL, POLICY_STOPPING,
		    NEVER },
		{ 12051, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_IDLE,
		    NEVER } } },
	{ "asked twice to stop", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_STOP, POLICY_DO_TERMINATE, POLICY_STOPPING,
		    12050 },
		{ 60, POLICY_STOP, POLICY_DO_KILL, POLICY_STOPPING, NEVER },
		{ 61, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_IDLE, NEVER } } },
	{ "hangs, and ends when aborted", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_HUNG, POLICY_DO_ABORT, POLICY_FAILING, 5050 },
		{ 60, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_WAITING, 60 },
		{ 60, POLICY_DEADLINE, POLICY_DO_START, POLICY_STARTING,
		    30060 } } },
	{ "hangs, and does not hear of it", 6,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_HUNG, POLICY_DO_ABORT, POLICY_FAILING, 5050 },
		{ 5050, POLICY_DEADLINE, POLICY_DO_KILL, POLICY_FAILING,
		    NEVER },
		{ 5051, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_WAITING, 5051 },
		{ 5051, POLICY_DEADLINE, POLICY_DO_START, POLICY_STARTING,
		    35051 } } },
	{ "hangs when kvd stops", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_HUNG, POLICY_DO_ABORT, POLICY_FAILING, 5050 },
		{ 60, POLICY_STOP, POLICY_DO_KILL, POLICY_STOPPING, NEVER },
		{ 61, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_IDLE, NEVER } } },
	{ "stops while it waits", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_WAITING, 50 },
		{ 50, POLICY_STOP, POLICY_DO_NOTHING, POLICY_IDLE, NEVER },
		{ 60, POLICY_START, POLICY_DO_START, POLICY_STARTING,
		    30060 } } },
	{ "is replaced", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_REPLACE, POLICY_DO_TERMINATE, POLICY_REPLACING,
		    12050 },
		{ 55, POLICY_REPLACE, POLICY_DO_NOTHING, POLICY_REPLACING,
		    12050 },
		{ 60, POLICY_ENDED, POLICY_DO_START, POLICY_STARTING,
		    30060 } } },
	{ "is replaced, and does not end", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_REPLACE, POLICY_DO_TERMINATE, POLICY_REPLACING,
		    12050 },
		{ 12050, POLICY_DEADLINE, POLICY_DO_KILL, POLICY_REPLACING,
		    NEVER },
		{ 12051, POLICY_ENDED, POLICY_DO_START, POLICY_STARTING,
		    42051 } } },
	{ "is replaced, and kvd stops", 6,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_REPLACE, POLICY_DO_TERMINATE, POLICY_REPLACING,
		    12050 },
		{ 60, POLICY_STOP, POLICY_DO_TERMINATE, POLICY_STOPPING,
		    12060 },
		{ 61, POLICY_STOP, POLICY_DO_KILL, POLICY_STOPPING, NEVER },
		{ 62, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_IDLE, NEVER } } },
	/* The number of acceptors is lowered and raised again before one has
	 * ended. */
	{ "is to run again before it has ended", 6,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 50, POLICY_STOP, POLICY_DO_TERMINATE, POLICY_STOPPING,
		    12050 },
		{ 60, POLICY_START, POLICY_DO_NOTHING, POLICY_REPLACING,
		    12050 },
		{ 12050, POLICY_DEADLINE, POLICY_DO_KILL, POLICY_REPLACING,
		    NEVER },
		{ 12051, POLICY_ENDED, POLICY_DO_START, POLICY_STARTING,
		    42051 } } },
	{ "executes itself anew", 3,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY, NEVER },
		{ 20, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_READY,
		    NEVER } } },
	{ "is ready after it was told to stop", 4,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 10, POLICY_STOP, POLICY_DO_TERMINATE, POLICY_STOPPING,
		    12010 },
		{ 20, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_STOPPING,
		    12010 },
		{ 30, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_IDLE, NEVER } } },
	{ "is ready after it was killed", 5,
	    { { 0, POLICY_START, POLICY_DO_START, POLICY_STARTING, 30000 },
		{ 30000, POLICY_DEADLINE, POLICY_DO_KILL, POLICY_FAILING,
		    NEVER },
		{ 30000, POLICY_IS_READY, POLICY_DO_NOTHING, POLICY_FAILING,
		    NEVER },
		{ 30001, POLICY_ENDED, POLICY_DO_NOTHING, POLICY_WAITING,
		    30001 },
		{ 30001, POLICY_DEADLINE, POLICY_DO_START, POLICY_STARTING,
		    60001 } } },
};

TEST(test_life)
{
	const struct moment *m;
	enum policy_action action;
	struct policy p;
	size_t i;

	policy_init(&p);
	for (i = 0; i < life_table[_i].count; i++) {
		m = &life_table[_i].moments[i];
		action = policy_step(&p, &rules, m->event, m->at_ms);
		ck_assert_msg(action == m->action && p.state == m->next &&
			p.deadline_ms == m->deadline_ms,
		    "%s: moment %zu: action %d, %s, deadline %lld",
		    life_table[_i].name, i, action, state_names[p.state],
		    (long long)p.deadline_ms);
	}
}

/*
 * This simulates a child as the master sees it, where all events happen in any
 * possible order.
 */
struct world {
	uint64_t random;
	struct policy policy;
	struct policy_rules rules;
	int64_t now_ms;
	bool lives; /* The child has a process. */
	bool wanted; /* The last command was not to stop. */
	bool killed;
};

static uint32_t
dice(struct world *w, uint32_t sides)
{
	return unit_random(&w->random) % sides;
}

static void step(struct world *w, enum policy_event event);

/* Check's own assertions cost a system call each. */
static void
ensure(const struct world *w, bool condition, const char *what)
{
	if (!condition)
		ck_abort_msg("%s, in %s", what, state_names[w->policy.state]);
}

static void
begin_life(struct world *w)
{
	ensure(w, !w->lives, "two processes");
	ensure(w, w->wanted, "started though it is not to run");
	w->killed = false;
	/* fork(2) may fail. */
	w->lives = dice(w, 10) != 0;
	if (!w->lives)
		step(w, POLICY_ENDED);
}

static void
act(struct world *w, enum policy_action action)
{
	switch (action) {
	case POLICY_DO_NOTHING:
		return;
	case POLICY_DO_START:
		begin_life(w);
		return;
	case POLICY_DO_TERMINATE:
	case POLICY_DO_ABORT:
	case POLICY_DO_KILL:
		ensure(w, w->lives, "a signal for nobody");
		ensure(w, !w->killed || action != POLICY_DO_ABORT,
		    "SIGABRT after SIGKILL");
		w->killed = w->killed || action == POLICY_DO_KILL;
		return;
	case POLICY_DO_GIVE_UP:
		ensure(w, !w->lives && w->policy.state == POLICY_IDLE,
		    "given up while it lives");
		w->wanted = false;
		return;
	case POLICY_DO_RESTART:
	case POLICY_DO_COMPLAIN:
		ck_abort_msg("action %d in %s", action,
		    state_names[w->policy.state]);
	}
}

static void
step(struct world *w, enum policy_event event)
{
	if (event == POLICY_START)
		w->wanted = true;
	if (event == POLICY_STOP)
		w->wanted = false;
	act(w, policy_step(&w->policy, &w->rules, event, w->now_ms));
}

static void
check_world(const struct world *w)
{
	const struct policy *p = &w->policy;

	ensure(w, policy_runs(p) == w->lives, "policy_runs");
	ensure(w, p->state != POLICY_WAITING || w->wanted, "wanted");
	ensure(w, p->state != POLICY_STOPPING || !w->wanted, "wanted");
	ensure(w, p->backoff_ms >= 0 && p->backoff_ms <= POLICY_BACKOFF_MAX_MS,
	    "back-off");
	ensure(w, p->count <= p->size, "ring");
	/* The child is well, or it waits for a deadline or for the end of its
	 * process. */
	if (p->state == POLICY_IDLE || p->state == POLICY_READY)
		ensure(w, p->deadline_ms == CLOCK_NEVER, "a deadline");
	else
		ensure(w, p->deadline_ms != CLOCK_NEVER || w->killed,
		    "no deadline");
	if (p->state == POLICY_WAITING)
		ensure(w, p->deadline_ms <= w->now_ms + POLICY_BACKOFF_MAX_MS,
		    "waits too long");
}

static void
end_life(struct world *w)
{
	w->lives = false;
	step(w, dice(w, 100) == 0 ? POLICY_ENDED_FOR_GOOD : POLICY_ENDED);
}

/* Time passes, at least up to the deadline. */
static void
reach_deadline(struct world *w)
{
	if (w->policy.deadline_ms == CLOCK_NEVER)
		return;
	if (w->now_ms < w->policy.deadline_ms)
		w->now_ms = w->policy.deadline_ms;
	step(w, POLICY_DEADLINE);
}

static void
change_rules(struct world *w)
{
	w->rules.restarts = 1 + dice(w, dice(w, 2) == 0 ? 5 : 1000);
	w->rules.period_ms = 1 + dice(w, 10000);
	w->rules.gives_up = dice(w, 4) == 0;
}

static void
happen(struct world *w)
{
	w->now_ms += dice(w, 10) == 0 ? dice(w, 100000) : dice(w, 10);
	/* The master checks deadlines before anything else. */
	if (w->policy.deadline_ms <= w->now_ms) {
		step(w, POLICY_DEADLINE);
		return;
	}
	switch (dice(w, 10)) {
	case 0:
		step(w, POLICY_START);
		return;
	case 1:
		step(w, POLICY_STOP);
		return;
	case 2:
		step(w, POLICY_REPLACE);
		return;
	case 3:
		reach_deadline(w);
		return;
	case 4:
		change_rules(w);
		return;
	case 5:
	case 6:
		if (w->lives)
			end_life(w);
		return;
	case 7:
		if (w->policy.state == POLICY_READY)
			step(w, POLICY_HUNG);
		return;
	default:
		if (w->lives)
			step(w, POLICY_IS_READY);
		return;
	}
}

/* The child is told to stop; only its deadlines and SIGKILL can end it. */
static void
stop_for_good(struct world *w)
{
	int i;

	step(w, POLICY_STOP);
	for (i = 0; i < 3 && w->policy.state != POLICY_IDLE; i++) {
		ensure(w, w->lives, "stopping nobody");
		if (w->killed)
			end_life(w);
		else
			reach_deadline(w);
		check_world(w);
	}
	ensure(w, w->policy.state == POLICY_IDLE && !w->lives, "not stopped");
}

TEST(test_walk)
{
	struct world w = { .random = 88172645463325252ULL + (uint64_t)_i,
		.rules = rules };
	int i;

	policy_init(&w.policy);
	for (i = 0; i < 100000; i++) {
		happen(&w);
		check_world(&w);
		if (dice(&w, 1000) == 0)
			stop_for_good(&w);
	}
	stop_for_good(&w);
}

/* A child that is ready whenever it runs, and dies again and again, is always
 * started again: no sequence of states loses it. */
TEST(test_walk_recovers)
{
	struct world w = { .random = 88172645463325252ULL + (uint64_t)_i,
		.rules = rules };
	int i, j;

	policy_init(&w.policy);
	for (i = 0; i < 10000; i++) {
		for (j = 0; j < 10; j++)
			happen(&w);
		w.rules.gives_up = false;
		step(&w, POLICY_START);
		for (j = 0; j < 100 && w.policy.state != POLICY_READY; j++) {
			if (w.policy.state == POLICY_STARTING)
				step(&w, POLICY_IS_READY);
			else if (w.lives && w.killed) {
				w.lives = false;
				step(&w, POLICY_ENDED);
			} else
				reach_deadline(&w);
			check_world(&w);
		}
		ensure(&w, w.policy.state == POLICY_READY, "not recovered");
	}
}

static const struct test tests[] = {
	CASE("table", NULL, NULL),
	LOOP(test_cell, (POLICY_STATES * POLICY_EVENTS)),
	LOOP(test_runs, POLICY_STATES),
	ONCE(test_init),
	EACH(test_life, life_table),
	CASE("restarts", NULL, NULL),
	ONCE(test_for_good),
	EACH(test_scenario, scenario_table),
	EACH(test_gives_up, scenario_table),
	ONCE(test_gives_up_later),
	EACH(test_rhythm, rhythm_table),
	EACH(test_intensity, intensity_table),
	LOOP(test_intensity_model, 10),
	ONCE(test_intensity_changes),
	ONCE(test_period_changes),
	ONCE(test_stays_at_maximum),
	ONCE(test_init_forgets),
	ONCE(test_children_apart),
	ONCE(test_replaced_does_not_count),
	CASE("walks", NULL, NULL),
	LOOP(test_walk, 9),
	LOOP(test_walk_recovers, 3),
};

SUITE("policy", tests)
