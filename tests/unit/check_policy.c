/*
 * check_policy: when a dead child is started again (master/policy).
 */

#include "unit.h"

#include "master/policy.h"

#define EVENTS_MAX 20

/* The numbers below are meant for these. */
_Static_assert(POLICY_RESTARTS == 3 && POLICY_PERIOD_MS == 5000 &&
	POLICY_BACKOFF_MIN_MS == 100 && POLICY_BACKOFF_MAX_MS == 30000 &&
	POLICY_HEALTHY_MS == 60000,
    "the tables know the limits");

static const struct {
	const char *name;
	size_t count;
	struct {
		int64_t now_ms; /* of the death, after the clock's base */
		int64_t life_ms;
		int64_t delay_ms; /* the answer */
	} events[EVENTS_MAX];
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

	/* A healthy child's death counts as the first of the next three. */
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

/* Only differences of the clock matter. */
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
		now_ms = base_ms + scenario_table[i].events[n].now_ms;
		want_ms = scenario_table[i].events[n].delay_ms;
		got_ms = policy_restart_delay(&p,
		    now_ms - scenario_table[i].events[n].life_ms, now_ms);
		ck_assert_msg(got_ms == want_ms,
		    "%s: event %zu: %lld ms, not %lld", scenario_table[i].name,
		    n, (long long)got_ms, (long long)want_ms);
	}
}

START_TEST(test_scenario)
{
	size_t i;

	for (i = 0; i < UNIT_COUNT(base_table); i++)
		run_scenario(_i, base_table[i]);
}
END_TEST

/* Deaths in a regular rhythm; three of the intervals make a period. */
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

START_TEST(test_rhythm)
{
	int64_t every_ms = rhythm_table[_i].every_ms, now_ms = 0, want_ms;
	struct policy p;
	int i;

	policy_init(&p);
	for (i = 0; i < 1000; i++, now_ms += every_ms) {
		want_ms = i == 3 && rhythm_table[_i].throttled ? 100 : 0;
		ck_assert_int_eq(
		    policy_restart_delay(&p, now_ms - every_ms, now_ms),
		    want_ms);
		if (want_ms != 0)
			return;
	}
}
END_TEST

/* Neither forgotten while the child stays sick, nor ever overflowing. */
START_TEST(test_stays_at_maximum)
{
	int64_t now_ms = 0, delay_ms = 0, last_ms = 0;
	struct policy p;
	int i;

	policy_init(&p);
	for (i = 0; i < 1000; i++) {
		delay_ms = policy_restart_delay(&p, now_ms - 59999, now_ms);
		ck_assert_int_ge(delay_ms, last_ms);
		ck_assert_int_le(delay_ms, POLICY_BACKOFF_MAX_MS);
		now_ms += delay_ms;
		last_ms = delay_ms;
	}
	ck_assert_int_eq(delay_ms, POLICY_BACKOFF_MAX_MS);
}
END_TEST

START_TEST(test_init_forgets)
{
	struct policy p;
	int i;

	memset(&p, 0x5a, sizeof(p));
	policy_init(&p);
	for (i = 0; i < 5; i++)
		(void)policy_restart_delay(&p, 0, 0);
	policy_init(&p);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(policy_restart_delay(&p, 0, 0), 0);
	ck_assert_int_eq(policy_restart_delay(&p, 0, 0), 100);
}
END_TEST

START_TEST(test_children_apart)
{
	struct policy sick, other;
	int i;

	policy_init(&sick);
	policy_init(&other);
	for (i = 0; i < 10; i++)
		(void)policy_restart_delay(&sick, 0, 0);
	ck_assert_int_eq(policy_restart_delay(&other, 0, 0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tc = tcase_create("policy");

	tcase_add_loop_test(tc, test_scenario, 0, UNIT_COUNT(scenario_table));
	tcase_add_loop_test(tc, test_rhythm, 0, UNIT_COUNT(rhythm_table));
	tcase_add_test(tc, test_stays_at_maximum);
	tcase_add_test(tc, test_init_forgets);
	tcase_add_test(tc, test_children_apart);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
