/*
 * check_delivery: these tests check what a worker knows about its pending
 * requests, and so what it does when the registry dies (worker/delivery).
 */

#include "unit.h"

#include "worker/delivery.h"

#define TIMEOUT_MS 100

/* Several registries close the connection without a reply, then one replies. */
TEST(test_states)
{
	struct delivery d = { .state = DELIVERY_CLOSED };
	int i;

	/* A failed attempt to connect changes nothing. */
	delivery_closed(&d);
	ck_assert_int_eq(d.state, DELIVERY_CLOSED);
	for (i = 0; i < 3; i++) {
		delivery_connected(&d);
		ck_assert_int_eq(d.state, DELIVERY_GREETED);
		delivery_closed(&d);
		ck_assert_int_eq(d.state, DELIVERY_UNANSWERED);
		delivery_closed(&d);
		ck_assert_int_eq(d.state, DELIVERY_UNANSWERED);
		delivery_paused(&d);
		ck_assert_int_eq(d.state, DELIVERY_CLOSED);
	}
	delivery_connected(&d);
	delivery_paused(&d);
	ck_assert_int_eq(d.state, DELIVERY_GREETED);
	delivery_received(&d);
	ck_assert_int_eq(d.state, DELIVERY_ANSWERED);
	delivery_received(&d);
	ck_assert_int_eq(d.state, DELIVERY_ANSWERED);
	delivery_closed(&d);
	ck_assert_int_eq(d.state, DELIVERY_CLOSED);
}

/* There are requests of 30 and 20 bytes; half of the second one is sent. */
static void
send_half(struct delivery *d)
{
	*d = (struct delivery){ .state = DELIVERY_CLOSED };
	ck_assert(delivery_may_send(d, 1000, TIMEOUT_MS));
	delivery_connected(d);
	delivery_sent(d, 30);
	delivery_sent(d, 10);
	delivery_received(d);
}

/* A request that was sent is waited for without a limit of time. */
TEST(test_no_repeat)
{
	struct delivery d;

	send_half(&d);
	ck_assert(delivery_may_send(&d, 100000, TIMEOUT_MS));
	delivery_removed(&d, 30);
	ck_assert_uint_eq(d.sent, 10);
	ck_assert(delivery_may_send(&d, 100000, TIMEOUT_MS));
}

/* A request is repeated until the timeout but not after it. */
TEST(test_repeat)
{
	struct delivery d;

	send_half(&d);
	delivery_closed(&d);
	ck_assert_uint_eq(d.sent, 0);
	ck_assert(delivery_may_send(&d, 1000, TIMEOUT_MS));
	ck_assert(delivery_may_send(&d, 1000 + TIMEOUT_MS, TIMEOUT_MS));
	ck_assert(!delivery_may_send(&d, 1001 + TIMEOUT_MS, TIMEOUT_MS));
	/* If part of the data was sent, the rest is not repeated either. */
	delivery_connected(&d);
	delivery_sent(&d, 39);
	ck_assert(!delivery_may_send(&d, 1001 + TIMEOUT_MS, TIMEOUT_MS));
	/* Now all requests have been sent again. */
	delivery_sent(&d, 1);
	ck_assert(delivery_may_send(&d, 1001 + TIMEOUT_MS, TIMEOUT_MS));
	/* Repeating a request does not restart its timeout. */
	delivery_closed(&d);
	ck_assert(!delivery_may_send(&d, 1001 + TIMEOUT_MS, TIMEOUT_MS));
}

/* A request of which half was sent is repeated, too. */
TEST(test_repeat_half)
{
	struct delivery d;

	send_half(&d);
	delivery_removed(&d, 30);
	delivery_closed(&d);
	ck_assert(delivery_may_send(&d, 1000 + TIMEOUT_MS, TIMEOUT_MS));
	ck_assert(!delivery_may_send(&d, 1001 + TIMEOUT_MS, TIMEOUT_MS));
	delivery_removed(&d, 20);
	ck_assert(delivery_may_send(&d, 1001 + TIMEOUT_MS, TIMEOUT_MS));
}

/* The timeout counts from when the pending request was first sent. */
TEST(test_anew)
{
	struct delivery d;

	send_half(&d);
	delivery_sent(&d, 10);
	delivery_removed(&d, 30);
	delivery_removed(&d, 20);
	ck_assert_uint_eq(d.sent, 0);
	ck_assert(delivery_may_send(&d, 5000, TIMEOUT_MS));
	delivery_sent(&d, 7);
	delivery_closed(&d);
	ck_assert(delivery_may_send(&d, 5000 + TIMEOUT_MS, TIMEOUT_MS));
	ck_assert(!delivery_may_send(&d, 5001 + TIMEOUT_MS, TIMEOUT_MS));
	/* The request is given up; the next request was never sent. */
	delivery_removed(&d, 7);
	ck_assert(delivery_may_send(&d, 9000, TIMEOUT_MS));
	ck_assert_int_eq(d.first_sent_ms, 9000);
}

static const struct test tests[] = {
	CASE("delivery", NULL, NULL),
	ONCE(test_states),
	ONCE(test_no_repeat),
	ONCE(test_repeat),
	ONCE(test_repeat_half),
	ONCE(test_anew),
};

SUITE("delivery", tests)
