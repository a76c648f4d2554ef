/*
 * check_log_limit: these tests check how often a message is logged
 * (common/log_limit).
 */

#include "unit.h"

#include <stdbool.h>

#include "common/log_limit.h"

TEST(test_first)
{
	struct log_limit limit = { 0 };
	unsigned long skipped = 4711;

	ck_assert(log_limit_allows(&limit, _i, &skipped));
	ck_assert_uint_eq(skipped, 0);
}

TEST(test_interval)
{
	struct log_limit limit = { 0 };
	unsigned long skipped = 4711;
	int64_t now_ms = 5;
	int i;

	ck_assert(log_limit_allows(&limit, now_ms, &skipped));
	for (i = 0; i < 3; i++)
		ck_assert(!log_limit_allows(&limit, now_ms, &skipped));
	now_ms += LOG_LIMIT_MS;
	ck_assert(!log_limit_allows(&limit, now_ms - 1, &skipped));
	ck_assert(log_limit_allows(&limit, now_ms, &skipped));
	ck_assert_uint_eq(skipped, 4);
	/* The interval begins at the logged line, not at those before it. */
	ck_assert(!log_limit_allows(&limit, now_ms, &skipped));
	now_ms += LOG_LIMIT_MS;
	ck_assert(log_limit_allows(&limit, now_ms, &skipped));
	ck_assert_uint_eq(skipped, 1);
	now_ms += LOG_LIMIT_MS;
	ck_assert(log_limit_allows(&limit, now_ms, &skipped));
	ck_assert_uint_eq(skipped, 0);
}

/* Some lines are allowed in the same time, and then none. */
TEST(test_some)
{
	struct log_limit limit = { 0 };
	unsigned long skipped = 1;
	int i;

	for (i = 0; i < 3; i++) {
		ck_assert(log_limit_allows_some(&limit, 3, 1000 + i, &skipped));
		ck_assert_uint_eq(skipped, 0);
	}
	ck_assert(!log_limit_allows_some(&limit, 3, 1003, &skipped));
	ck_assert(
	    !log_limit_allows_some(&limit, 3, 999 + LOG_LIMIT_MS, &skipped));
	ck_assert(
	    log_limit_allows_some(&limit, 3, 1000 + LOG_LIMIT_MS, &skipped));
	ck_assert_uint_eq(skipped, 2);
	ck_assert(
	    log_limit_allows_some(&limit, 3, 1001 + LOG_LIMIT_MS, &skipped));
	ck_assert_uint_eq(skipped, 0);
}

static const struct test tests[] = {
	CASE("log_limit", NULL, NULL),
	LOOP(test_first, 2),
	ONCE(test_interval),
	ONCE(test_some),
};

SUITE("log_limit", tests)
