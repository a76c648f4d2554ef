/*
 * check_heartbeat: these tests check how the master detects that a child hangs
 * (master/heartbeat).
 */

#include "unit.h"

#include "common/clock.h"
#include "master/heartbeat.h"

_Static_assert(HEARTBEAT_PINGS == 5, "the numbers below are meant for it");

#define START_MS 5000000

static struct heartbeat heartbeat;

static void
setup(void)
{
	memset(&heartbeat, 0x5a, sizeof(heartbeat));
}

static void
expect(int64_t timeout_ms, int64_t now_ms, enum heartbeat_result want)
{
	enum heartbeat_result got;

	got = heartbeat_tick(&heartbeat, timeout_ms, now_ms);
	ck_assert_msg(got == want, "timeout %lld, after %lld ms: %d, not %d",
	    (long long)timeout_ms, (long long)(now_ms - START_MS), got, want);
}

/* This checks when a child is asked, and when its answer is too late. */
TEST(test_hung)
{
	int64_t i;

	heartbeat_start(&heartbeat, 1000, START_MS);
	expect(1000, START_MS, HEARTBEAT_WAIT);
	for (i = 1; i <= HEARTBEAT_PINGS; i++) {
		expect(1000, START_MS + i * 200 - 1, HEARTBEAT_WAIT);
		expect(1000, START_MS + i * 200, HEARTBEAT_PING);
		expect(1000, START_MS + i * 200, HEARTBEAT_WAIT);
		ck_assert_int_eq(heartbeat.due_ms, START_MS + (i + 1) * 200);
	}
	/* The first ping has not been answered for the whole timeout. */
	expect(1000, START_MS + 1199, HEARTBEAT_WAIT);
	expect(1000, START_MS + 1200, HEARTBEAT_HUNG);
	/* A child is reported as hung only once. */
	ck_assert_int_eq(heartbeat.due_ms, CLOCK_NEVER);
	expect(1000, START_MS + 100000, HEARTBEAT_WAIT);
	/* The next child starts afresh. */
	heartbeat_start(&heartbeat, 1000, START_MS + 100000);
	expect(1000, START_MS + 100199, HEARTBEAT_WAIT);
	expect(1000, START_MS + 100200, HEARTBEAT_PING);
}

/* The child answers at the last moment, any number of times. */
TEST(test_pong)
{
	int64_t at_ms = START_MS;
	int round, i;

	heartbeat_start(&heartbeat, 1000, at_ms);
	for (round = 0; round < 100; round++) {
		for (i = 0; i < HEARTBEAT_PINGS; i++)
			expect(1000, at_ms += 200, HEARTBEAT_PING);
		heartbeat_pong(&heartbeat);
	}
	for (i = 0; i < HEARTBEAT_PINGS; i++)
		expect(1000, at_ms += 200, HEARTBEAT_PING);
	expect(1000, at_ms + 200, HEARTBEAT_HUNG);
}

/* A late pong answers all pings that were sent before it. */
TEST(test_late_pong)
{
	heartbeat_start(&heartbeat, 1000, START_MS);
	expect(1000, START_MS + 200, HEARTBEAT_PING);
	expect(1000, START_MS + 400, HEARTBEAT_PING);
	heartbeat_pong(&heartbeat);
	heartbeat_pong(&heartbeat);
	ck_assert_uint_eq(heartbeat.unanswered, 0);
}

/* The master may be suspended for any time at any moment.  That time does not
 * count against the child. */
TEST(test_pause)
{
	int64_t at_ms = START_MS;
	int i, before;

	for (before = 0; before < HEARTBEAT_PINGS; before++) {
		heartbeat_start(&heartbeat, 1000, at_ms);
		for (i = 0; i < before; i++)
			expect(1000, at_ms += 200, HEARTBEAT_PING);
		at_ms += INT64_C(3600000);
		expect(1000, at_ms, HEARTBEAT_PING);
		expect(1000, at_ms + 199, HEARTBEAT_WAIT);
		heartbeat_pong(&heartbeat);
		expect(1000, at_ms += 200, HEARTBEAT_PING);
	}
}

TEST(test_off)
{
	heartbeat_start(&heartbeat, 0, START_MS);
	ck_assert_int_eq(heartbeat.due_ms, CLOCK_NEVER);
	expect(0, START_MS + INT64_C(1000000000), HEARTBEAT_WAIT);
	expect(1000, CLOCK_NEVER - 1, HEARTBEAT_WAIT);
	heartbeat_start(&heartbeat, 1000, START_MS);
	heartbeat_stop(&heartbeat);
	ck_assert_int_eq(heartbeat.due_ms, CLOCK_NEVER);
	expect(1000, START_MS + 1000000, HEARTBEAT_WAIT);
	/* This pong arrives after the end; it was still in the pipe. */
	heartbeat_pong(&heartbeat);
	expect(1000, START_MS + 1000000, HEARTBEAT_WAIT);
}

/* A reload sets another timeout, or none. */
TEST(test_timeout_changes)
{
	heartbeat_start(&heartbeat, 1000, START_MS);
	expect(1000, START_MS + 200, HEARTBEAT_PING);
	expect(10000, START_MS + 400, HEARTBEAT_PING);
	expect(10000, START_MS + 2399, HEARTBEAT_WAIT);
	expect(0, START_MS + 2400, HEARTBEAT_PING);
	ck_assert_int_eq(heartbeat.due_ms, CLOCK_NEVER);
}

/* The heartbeat is never due twice in a millisecond, and it is due when it
 * says. */
static const int64_t timeout_table[] = { 1, 2, 4, 5, 6, 9, 10, 1000, 60000,
	INT64_C(604800000) };

TEST(test_timeout)
{
	int64_t timeout_ms = timeout_table[_i], at_ms = START_MS;
	int pings = 0;

	heartbeat_start(&heartbeat, timeout_ms, at_ms);
	for (;;) {
		ck_assert_int_gt(heartbeat.due_ms, at_ms);
		ck_assert_int_le(heartbeat.due_ms - at_ms,
		    timeout_ms < 5 ? 1 : timeout_ms / 5);
		at_ms = heartbeat.due_ms;
		if (heartbeat_tick(&heartbeat, timeout_ms, at_ms) ==
		    HEARTBEAT_HUNG)
			break;
		pings++;
	}
	ck_assert_int_eq(pings, HEARTBEAT_PINGS);
	if (timeout_ms % 5 == 0)
		ck_assert_int_eq(at_ms - START_MS, timeout_ms + timeout_ms / 5);
}

/* The master is late now and then, and the child always answers within the
 * timeout.  The child is never found hung. */
TEST(test_random)
{
	uint64_t random = 88172645463325252ULL + (uint64_t)_i;
	int64_t timeout_ms = 10 + unit_random(&random) % 1000;
	int64_t at_ms = START_MS, answer_ms = CLOCK_NEVER;
	int i;

	heartbeat_start(&heartbeat, timeout_ms, at_ms);
	for (i = 0; i < 100000; i++) {
		at_ms += unit_random(&random) %
		    (unit_random(&random) % 100 == 0 ? 100000 : 20);
		/* Pongs that have arrived are read before the heartbeat is
		 * checked. */
		if (answer_ms <= at_ms) {
			heartbeat_pong(&heartbeat);
			answer_ms = CLOCK_NEVER;
		}
		switch (heartbeat_tick(&heartbeat, timeout_ms, at_ms)) {
		case HEARTBEAT_WAIT:
			break;
		case HEARTBEAT_PING:
			if (answer_ms == CLOCK_NEVER)
				answer_ms = at_ms +
				    unit_random(&random) % (uint32_t)timeout_ms;
			break;
		case HEARTBEAT_HUNG:
			ck_abort_msg("hung, though it answers");
		}
	}
}

static const struct test tests[] = {
	CASE("heartbeat", setup, NULL),
	ONCE(test_hung),
	ONCE(test_pong),
	ONCE(test_late_pong),
	ONCE(test_pause),
	ONCE(test_off),
	ONCE(test_timeout_changes),
	EACH(test_timeout, timeout_table),
	LOOP(test_random, 10),
};

SUITE("heartbeat", tests)
