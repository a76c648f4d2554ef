/*
 * check_outcome: these tests check the sessions whose connection is gone, and
 * the replies that are recorded for one of them (registry/outcome).
 */

#include "unit.h"

#include "proto/message.h"
#include "registry/outcome.h"

/* This is the size of a reply with nothing but a status. */
#define FRAME_SIZE (MESSAGE_HEADER_SIZE + 1)

static struct outcome_list list;
static struct buf frames;

static void
setup(void)
{
	TAILQ_INIT(&list);
	buf_init(&frames);
}

static void
teardown(void)
{
	while (!TAILQ_EMPTY(&list))
		outcome_free(&list, TAILQ_FIRST(&list));
	buf_clear(&frames);
}

static void
leave(uint64_t session, int64_t expire_ms)
{
	ck_assert_int_eq(outcome_leave(&list, session, expire_ms), 0);
}

static size_t
count_list(void)
{
	const struct outcome *o;
	size_t n = 0;

	TAILQ_FOREACH(o, &list, entry)
		n++;
	return n;
}

/* This counts the expired sessions, and checks that each one should have
 * expired. */
static size_t
count_expired(int64_t now_ms)
{
	struct outcome *o = NULL;
	size_t n = 0;

	while ((o = outcome_expired(&list, o, now_ms)) != NULL) {
		ck_assert_int_le(o->expire_ms, now_ms);
		n++;
	}
	return n;
}

TEST(test_empty)
{
	ck_assert_ptr_null(outcome_expired(&list, NULL, INT64_MIN));
	ck_assert_ptr_null(outcome_expired(&list, NULL, INT64_MAX));
	outcome_claim(&list, 0);
	outcome_claim(&list, UINT64_MAX);
	ck_assert(TAILQ_EMPTY(&list));
}

static const uint64_t session_table[] = { 0, 1, UINT32_MAX,
	(uint64_t)UINT32_MAX + 1, UINT64_MAX - 1, UINT64_MAX };

TEST(test_leave)
{
	struct outcome *o;

	leave(session_table[_i], 5);
	ck_assert_uint_eq(count_list(), 1);
	o = outcome_expired(&list, NULL, 5);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->session, session_table[_i]);
	ck_assert_int_eq(o->expire_ms, 5);
	ck_assert_ptr_null(outcome_expired(&list, o, 5));
	outcome_free(&list, o);
	ck_assert(TAILQ_EMPTY(&list));
}

/* Claiming a session leaves all others, whatever their numbers. */
TEST(test_claim)
{
	const struct outcome *o;
	size_t i;

	for (i = 0; i < COUNT(session_table); i++)
		leave(session_table[i], 5);
	outcome_claim(&list, 2);
	ck_assert_uint_eq(count_list(), COUNT(session_table));
	outcome_claim(&list, session_table[_i]);
	ck_assert_uint_eq(count_list(), COUNT(session_table) - 1);
	TAILQ_FOREACH(o, &list, entry)
		ck_assert_uint_ne(o->session, session_table[_i]);
	outcome_claim(&list, session_table[_i]);
	ck_assert_uint_eq(count_list(), COUNT(session_table) - 1);
}

/* A session that was left several times is claimed once. */
TEST(test_claim_several)
{
	leave(7, 1);
	leave(7, 2);
	leave(8, 3);
	leave(7, 4);
	leave(9, 5);
	leave(7, 6);
	outcome_claim(&list, 7);
	ck_assert_uint_eq(count_list(), 2);
	ck_assert_uint_eq(TAILQ_FIRST(&list)->session, 8);
	ck_assert_uint_eq(TAILQ_LAST(&list, outcome_list)->session, 9);
	leave(7, 7);
	ck_assert_uint_eq(count_list(), 3);
	outcome_claim(&list, 8);
	outcome_claim(&list, 9);
	outcome_claim(&list, 7);
	ck_assert(TAILQ_EMPTY(&list));
}

static const struct {
	int64_t expire_ms, now_ms;
	size_t expired;
} expire_table[] = {
	{ 1000, 999, 0 },
	{ 1000, 1000, 1 },
	{ 1000, 1001, 1 },
	{ 0, -1, 0 },
	{ 0, 0, 1 },
	{ 0, INT64_MIN, 0 },
	{ INT64_MAX, INT64_MAX - 1, 0 },
	{ INT64_MAX, INT64_MAX, 1 },
	{ INT64_MAX, 0, 0 },
};

TEST(test_expire_boundary)
{
	leave(1, expire_table[_i].expire_ms);
	ck_assert_uint_eq(count_expired(expire_table[_i].now_ms),
	    expire_table[_i].expired);
	/* Asking removes nothing from the list. */
	ck_assert_uint_eq(count_expired(expire_table[_i].now_ms),
	    expire_table[_i].expired);
	ck_assert_uint_eq(count_list(), 1);
}

/* Sessions need not expire in the order in which they were added. */
TEST(test_expired_after)
{
	static const int64_t expire_ms[] = { 50, 10, 40, 20, 30, 60 };
	static const size_t due[] = { 0, 1, 2, 3, 4, 5, 6 };
	struct outcome *o;
	size_t i;

	for (i = 0; i < COUNT(expire_ms); i++)
		leave(i, expire_ms[i]);
	for (i = 0; i < COUNT(due); i++)
		ck_assert_uint_eq(count_expired((int64_t)i * 10 + 9), due[i]);

	o = outcome_expired(&list, NULL, 30);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->session, 1);
	o = outcome_expired(&list, o, 30);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->session, 3);
	o = outcome_expired(&list, o, 30);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->session, 4);
	ck_assert_ptr_null(outcome_expired(&list, o, 30));
	/* `after` itself need not have expired. */
	o = outcome_expired(&list, TAILQ_FIRST(&list), 10);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->session, 1);
	ck_assert_ptr_null(
	    outcome_expired(&list, TAILQ_LAST(&list, outcome_list), INT64_MAX));
}

/* This frees the first, a middle and the last one, and then the rest. */
TEST(test_free)
{
	static const uint64_t order[] = { 1, 3, 5, 4, 2 };
	struct outcome *o;
	uint64_t session;
	size_t i;

	for (session = 1; session <= 5; session++)
		leave(session, 10);
	for (i = 0; i < COUNT(order); i++) {
		o = outcome_expired(&list, NULL, 10);
		while (o != NULL && o->session != order[i])
			o = outcome_expired(&list, o, 10);
		ck_assert_ptr_nonnull(o);
		outcome_free(&list, o);
		ck_assert_uint_eq(count_expired(10), 4 - i);
	}
	ck_assert(TAILQ_EMPTY(&list));
}

/* This makes a reply that contains its sequence, so that no two are alike. */
static void
put_reply(uint64_t sequence, size_t extra)
{
	size_t position = message_begin(&frames, MESSAGE_REPLY, sequence), i;

	message_put_u8(&frames, (uint8_t)sequence);
	for (i = 0; i < extra; i++)
		message_put_u8(&frames, (uint8_t)i);
	message_end(&frames, position);
	ck_assert(!buf_failed(&frames));
}

static void
put_replies(uint64_t first, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		put_reply(first + i, 0);
	ck_assert_uint_eq(buf_size(&frames), count * FRAME_SIZE);
}

/* This works on a copy with nothing after its end. */
static bool
check_bytes(size_t size, uint64_t *last)
{
	uint8_t *copy = unit_copy(buf_data(&frames), size);
	bool good = outcome_check((struct bytes){ copy, size }, last);

	free(copy);
	return good;
}

static bool
check(void)
{
	uint64_t last;

	return check_bytes(buf_size(&frames), &last);
}

static void
assert_found(uint64_t sequence, size_t at, size_t size)
{
	struct bytes frame;
	struct message m;

	ck_assert(outcome_find(buf_bytes(&frames), sequence, &frame));
	ck_assert_ptr_eq(frame.data, buf_data(&frames) + at);
	ck_assert_uint_eq(frame.size, size);
	ck_assert_int_eq(message_get(frame.data, frame.size, frame.size, &m),
	    1);
	ck_assert_uint_eq(m.type, MESSAGE_REPLY);
	ck_assert_uint_eq(m.sequence, sequence);
	ck_assert_uint_eq(*(const uint8_t *)m.body.data, (uint8_t)sequence);
}

static void
assert_not_found(uint64_t sequence)
{
	struct bytes frame = UNIT_BYTES("as it was");

	ck_assert(!outcome_find(buf_bytes(&frames), sequence, &frame));
	unit_assert_bytes(frame, bytes_from_text("as it was"));
}

TEST(test_no_frames)
{
	struct bytes none = { NULL, 0 }, frame;
	uint64_t last = 5;

	ck_assert(outcome_check(none, &last));
	ck_assert_uint_eq(last, 0);
	ck_assert(!outcome_find(none, 0, &frame));
	ck_assert(check_bytes(0, &last));
	assert_not_found(0);
}

static const struct {
	uint64_t first;
	size_t count;
} check_table[] = {
	{ 0, 1 },
	{ 1, 1 },
	{ UINT64_MAX, 1 },
	{ 41, 2 },
	{ UINT32_MAX, 3 },
	{ UINT64_MAX - 9, 10 },
	{ 1, 10000 },
};

TEST(test_check)
{
	uint64_t first = check_table[_i].first, last;
	size_t count = check_table[_i].count;

	put_replies(first, count);
	ck_assert(check_bytes(buf_size(&frames), &last));
	ck_assert_uint_eq(last, first + count - 1);
	assert_found(first, 0, FRAME_SIZE);
	assert_found(last, (count - 1) * FRAME_SIZE, FRAME_SIZE);
}

/* Sequences ascend, but there may be gaps. */
TEST(test_find)
{
	static const uint64_t absent[] = { 0, 40, 42, 44, 45, 47, 100,
		41 + (UINT64_C(1) << 32), UINT64_MAX - 1 };
	uint64_t last;
	size_t i;

	put_reply(41, 0);
	put_reply(43, 0);
	put_reply(46, 0);
	put_reply(UINT64_MAX, 0);
	ck_assert(check_bytes(buf_size(&frames), &last));
	ck_assert_uint_eq(last, UINT64_MAX);
	assert_found(41, 0, FRAME_SIZE);
	assert_found(43, FRAME_SIZE, FRAME_SIZE);
	assert_found(46, 2 * FRAME_SIZE, FRAME_SIZE);
	assert_found(UINT64_MAX, 3 * FRAME_SIZE, FRAME_SIZE);
	for (i = 0; i < COUNT(absent); i++)
		assert_not_found(absent[i]);
}

/* The frames have sizes from the shortest up to a value of 1 MiB. */
TEST(test_find_large)
{
	size_t large = (size_t)1 << 20;
	uint64_t last;

	put_reply(1, 0);
	put_reply(2, large);
	put_reply(3, 255);
	ck_assert(check_bytes(buf_size(&frames), &last));
	ck_assert_uint_eq(last, 3);
	assert_found(1, 0, FRAME_SIZE);
	assert_found(2, FRAME_SIZE, FRAME_SIZE + large);
	assert_found(3, 2 * FRAME_SIZE + large, FRAME_SIZE + 255);
	assert_not_found(0);
	assert_not_found(4);
}

/* A record is valid only if it ends with a frame; the frames before a cut can
 * still be found. */
TEST(test_truncated)
{
	size_t ends[4] = { 0 }, size, i, whole;
	struct bytes frame;
	uint64_t last;
	uint8_t *copy;

	for (i = 1; i < COUNT(ends); i++) {
		put_reply(i, 3 * i);
		ends[i] = buf_size(&frames);
	}
	for (size = 0; size <= ends[3]; size++) {
		for (whole = 0; whole < 3 && ends[whole + 1] <= size;)
			whole++;
		ck_assert_msg(check_bytes(size, &last) == (size == ends[whole]),
		    "%zu bytes", size);
		if (size == ends[whole])
			ck_assert_uint_eq(last, whole);
		copy = unit_copy(buf_data(&frames), size);
		for (i = 1; i <= 3; i++)
			ck_assert_msg(outcome_find((struct bytes){ copy, size },
					  i, &frame) == (i <= whole),
			    "frame %zu in %zu bytes", i, size);
		free(copy);
	}
}

static const uint32_t bad_size_table[] = { 0, 1, MESSAGE_HEADER_SIZE - 1,
	MESSAGE_HEADER_SIZE, FRAME_SIZE - 1, FRAME_SIZE + 1, 1 << 16, INT32_MAX,
	UINT32_C(1) << 31, UINT32_MAX - 1, UINT32_MAX };

/* This changes the size in the header of the first, the only and the last
 * frame. */
TEST(test_frame_size)
{
	uint32_t bad = bad_size_table[_i];
	size_t count, victim;

	for (count = 1; count <= 3; count++)
		for (victim = 0; victim < count; victim++) {
			buf_clear(&frames);
			put_replies(7, count);
			memcpy(buf_data(&frames) + victim * FRAME_SIZE, &bad,
			    sizeof(bad));
			ck_assert_msg(!check(), "frame %zu of %zu", victim,
			    count);
			if (victim > 0)
				assert_found(7, 0, FRAME_SIZE);
			assert_not_found(7 + count);
		}
}

/* This is the field of the header that must be zero. */
TEST(test_frame_zero)
{
	put_replies(7, 2);
	ck_assert(check());
	buf_data(&frames)[FRAME_SIZE + 6 + _i] = 1;
	ck_assert(!check());
	assert_found(7, 0, FRAME_SIZE);
	assert_not_found(8);
}

/* One byte is changed at random: the functions only have to survive. */
TEST(test_random)
{
	uint64_t state = (uint64_t)_i + 1;
	struct bytes frame;
	size_t at, size;
	uint8_t *copy;
	int round;

	put_replies(7, 3);
	size = buf_size(&frames);
	for (round = 0; round < 5000; round++) {
		copy = unit_copy(buf_data(&frames), size);
		at = unit_random(&state) % size;
		copy[at] = (uint8_t)unit_random(&state);
		if (outcome_find((struct bytes){ copy, size }, 8, &frame)) {
			const uint8_t *p = frame.data;

			ck_assert(p >= copy && frame.size <= size &&
			    p + frame.size <= copy + size);
		}
		free(copy);
	}
}

static const struct test tests[] = {
	CASE("list", setup, teardown),
	ONCE(test_empty),
	EACH(test_leave, session_table),
	EACH(test_claim, session_table),
	ONCE(test_claim_several),
	EACH(test_expire_boundary, expire_table),
	ONCE(test_expired_after),
	ONCE(test_free),
	CASE("frames", setup, teardown),
	ONCE(test_no_frames),
	EACH(test_check, check_table),
	ONCE(test_find),
	ONCE(test_find_large),
	ONCE(test_truncated),
	EACH(test_frame_size, bad_size_table),
	LOOP(test_frame_zero, 2),
	LOOP(test_random, 4),
};

SUITE("outcome", tests)
