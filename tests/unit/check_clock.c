/*
 * check_clock: these tests check clocks and timeouts (common/clock).
 */

#include "unit.h"

#include <limits.h>
#include <time.h>

#include "common/clock.h"

TEST(test_timeout)
{
	ck_assert_int_eq(clock_timeout(CLOCK_NEVER, 5), -1);
	ck_assert_int_eq(clock_timeout(5, 5), 0);
	ck_assert_int_eq(clock_timeout(4, 5), 0);
	ck_assert_int_eq(clock_timeout(6, 5), 1);
	ck_assert_int_eq(clock_timeout((int64_t)INT_MAX + 5, 5), INT_MAX);
	ck_assert_int_eq(clock_timeout((int64_t)INT_MAX + 6, 5), INT_MAX);
}

TEST(test_check)
{
	ck_assert_int_eq(clock_check(), 0);
}

TEST(test_monotonic)
{
	int64_t last = clock_ms(), base = clock_wall_base();
	int64_t last_wall = clock_wall_ms(base), now;
	int i;

	for (i = 0; i < 10000; i++) {
		now = clock_ms();
		ck_assert_int_ge(now, last);
		last = now;
		now = clock_wall_ms(base);
		ck_assert_int_ge(now, last_wall);
		last_wall = now;
	}
}

/* With a fresh base the wall clock is the time of day; with another base it is
 * computed from that base. */
TEST(test_wall)
{
	int64_t base = clock_wall_base(), before, after;

	before = (int64_t)time(NULL) * 1000 - 1000;
	after = clock_wall_ms(base);
	ck_assert_int_ge(after, before);
	ck_assert_int_le(after, before + 3000);
	ck_assert_int_ge(clock_wall_ms(base - 3600000), after - 3600000);
	ck_assert_int_le(clock_wall_ms(base - 3600000), after - 3600000 + 1000);
}

static const struct test tests[] = {
	CASE("clock", NULL, NULL),
	ONCE(test_timeout),
	ONCE(test_check),
	ONCE(test_monotonic),
	ONCE(test_wall),
};

SUITE("clock", tests)
