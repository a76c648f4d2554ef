/*
 * check_outcome: the record of replies that one registry leaves to the next
 * (registry/outcome).
 */

#include "unit.h"

#include "proto/message.h"
#include "registry/outcome.h"

/* u64 session, u32 size */
#define SESSION_HEADER_SIZE (8 + 4)
/* A reply with nothing but its status. */
#define FRAME_SIZE (MESSAGE_HEADER_SIZE + 1)

static struct outcome_list list;
static struct buf record;
static struct buf frames;

static void
setup(void)
{
	TAILQ_INIT(&list);
	buf_init(&record);
	buf_init(&frames);
}

static void
clear_list(void)
{
	while (!TAILQ_EMPTY(&list))
		outcome_free(&list, TAILQ_FIRST(&list));
}

static void
teardown(void)
{
	clear_list();
	buf_clear(&record);
	buf_clear(&frames);
}

/* A reply that says its sequence, so that no two are alike. */
static void
put_reply(struct buf *b, uint64_t sequence, size_t extra)
{
	size_t position = message_begin(b, MESSAGE_REPLY, sequence), i;

	message_put_u8(b, (uint8_t)sequence);
	for (i = 0; i < extra; i++)
		message_put_u8(b, (uint8_t)i);
	message_end(b, position);
}

/* A session of `count` replies, from sequence `first` on. */
static void
append_session(uint64_t session, uint64_t first, size_t count)
{
	size_t i;

	buf_clear(&frames);
	for (i = 0; i < count; i++)
		put_reply(&frames, first + i, 0);
	ck_assert_uint_eq(buf_size(&frames), count * FRAME_SIZE);
	outcome_append(&record, session, unit_bytes(&frames));
	ck_assert(!buf_failed(&record));
}

/* Loads a copy: the record does not outlive the call. */
static int
load_bytes(const void *data, size_t size)
{
	uint8_t *copy = unit_copy(data, size);
	int rc = outcome_load(&list, (struct bytes){ copy, size });

	memset(copy, 0xee, size);
	free(copy);
	return rc;
}

static int
load(void)
{
	return load_bytes(buf_data(&record), buf_size(&record));
}

static size_t
count_list(void)
{
	const struct outcome *o;
	size_t n = 0;

	TAILQ_FOREACH (o, &list, entry)
		n++;
	return n;
}

static void
assert_found(const struct outcome *o, uint64_t sequence)
{
	struct bytes frame;
	struct message m;

	ck_assert(outcome_find(o, sequence, &frame));
	ck_assert_int_eq(message_get(frame.data, frame.size, frame.size, &m),
	    1);
	ck_assert_uint_eq(m.frame_size, frame.size);
	ck_assert_uint_eq(m.type, MESSAGE_REPLY);
	ck_assert_uint_eq(m.sequence, sequence);
	ck_assert_uint_ge(m.body.size, 1);
	ck_assert_uint_eq(*(const uint8_t *)m.body.data, (uint8_t)sequence);
}

static void
assert_not_found(const struct outcome *o, uint64_t sequence)
{
	struct bytes frame = UNIT_BYTES("as it was");

	ck_assert(!outcome_find(o, sequence, &frame));
	unit_assert_bytes(frame, unit_text("as it was"));
}

START_TEST(test_empty)
{
	ck_assert_int_eq(outcome_load(&list, (struct bytes){ NULL, 0 }), 0);
	ck_assert(TAILQ_EMPTY(&list));
	ck_assert_ptr_null(outcome_claim(&list, 0));
	outcome_expire(&list);
	ck_assert(TAILQ_EMPTY(&list));
}
END_TEST

/* The format is the store's: what this version writes, the next reads. */
START_TEST(test_format)
{
	struct bytes body, value;
	uint64_t session;

	put_reply(&frames, 7, 0);
	put_reply(&frames, 8, 100);
	outcome_append(&record, 0x0123456789abcdef, unit_bytes(&frames));
	outcome_append(&record, 5, unit_text("not looked at"));
	body = unit_bytes(&record);
	ck_assert(message_get_u64(&body, &session));
	ck_assert_uint_eq(session, 0x0123456789abcdef);
	ck_assert(message_get_value(&body, &value));
	unit_assert_bytes(value, unit_bytes(&frames));
	ck_assert(message_get_u64(&body, &session));
	ck_assert_uint_eq(session, 5);
	ck_assert(message_get_value(&body, &value));
	unit_assert_bytes(value, unit_text("not looked at"));
	ck_assert_uint_eq(body.size, 0);
}
END_TEST

/* Sessions, and replies of each. */
static const struct {
	size_t sessions, replies;
} size_table[] = {
	{ 1, 0 },
	{ 1, 1 },
	{ 1, 2 },
	{ 2, 0 },
	{ 2, 1 },
	{ 3, 5 },
	{ 1, 10000 },
	{ 10000, 1 },
};

START_TEST(test_round_trip)
{
	size_t sessions = size_table[_i].sessions;
	size_t replies = size_table[_i].replies, i;
	struct outcome *o;

	for (i = 0; i < sessions; i++)
		append_session(i + 1, 100 * i, replies);
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(count_list(), sessions);
	i = 0;
	TAILQ_FOREACH (o, &list, entry) {
		ck_assert_uint_eq(o->session, i + 1);
		ck_assert(!o->claimed);
		ck_assert_uint_eq(buf_size(&o->frames), replies * FRAME_SIZE);
		ck_assert_uint_eq(o->last_sequence,
		    replies == 0 ? 0 : 100 * i + replies - 1);
		i++;
	}
}
END_TEST

/* What is loaded is appended again, byte for byte. */
START_TEST(test_append_again)
{
	struct outcome *o;
	struct buf again;

	append_session(3, 1, 4);
	append_session(UINT64_MAX, UINT64_MAX - 2, 3);
	append_session(0, 0, 0);
	ck_assert_int_eq(load(), 0);
	buf_init(&again);
	TAILQ_FOREACH (o, &list, entry)
		outcome_append(&again, o->session, unit_bytes(&o->frames));
	unit_assert_bytes(unit_bytes(&again), unit_bytes(&record));
	buf_clear(&again);
}
END_TEST

START_TEST(test_claim)
{
	struct outcome *o;

	append_session(11, 1, 1);
	append_session(0, 2, 1);
	append_session(UINT64_MAX, 3, 1);
	ck_assert_int_eq(load(), 0);
	ck_assert_ptr_null(outcome_claim(&list, 1));
	ck_assert_ptr_null(outcome_claim(&list, 12));
	ck_assert_ptr_null(outcome_claim(&list, UINT64_MAX - 1));

	o = outcome_claim(&list, UINT64_MAX);
	ck_assert_ptr_nonnull(o);
	ck_assert(o->claimed);
	ck_assert_uint_eq(o->last_sequence, 3);
	o = outcome_claim(&list, 0);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->last_sequence, 2);
	ck_assert_ptr_null(outcome_claim(&list, 0));
	ck_assert_ptr_null(outcome_claim(&list, UINT64_MAX));

	o = outcome_claim(&list, 11);
	ck_assert_ptr_nonnull(o);
	ck_assert_ptr_null(outcome_claim(&list, 11));
	ck_assert_uint_eq(count_list(), 3);
	outcome_free(&list, o);
	ck_assert_ptr_null(outcome_claim(&list, 11));
	ck_assert_uint_eq(count_list(), 2);
}
END_TEST

START_TEST(test_find)
{
	struct outcome *o;
	uint64_t sequence;

	append_session(1, 41, 3);
	append_session(2, 100, 3);
	append_session(3, UINT64_MAX, 1);
	append_session(4, 0, 1);
	append_session(5, 0, 0);
	ck_assert_int_eq(load(), 0);

	o = outcome_claim(&list, 1);
	for (sequence = 41; sequence <= 43; sequence++)
		assert_found(o, sequence);
	assert_not_found(o, 0);
	assert_not_found(o, 40);
	assert_not_found(o, 44);
	assert_not_found(o, 100);
	assert_not_found(o, UINT64_MAX);
	assert_not_found(o, 41 + (UINT64_C(1) << 32));

	o = outcome_claim(&list, 3);
	assert_found(o, UINT64_MAX);
	assert_not_found(o, UINT64_MAX - 1);
	assert_not_found(o, UINT32_MAX);
	assert_not_found(o, 0);

	o = outcome_claim(&list, 4);
	assert_found(o, 0);
	assert_not_found(o, 1);
	assert_not_found(outcome_claim(&list, 5), 0);
}
END_TEST

/* Frames of other sizes than the shortest, up to a value of 1M. */
START_TEST(test_find_large)
{
	struct outcome *o;
	struct bytes frame;

	put_reply(&frames, 1, 0);
	put_reply(&frames, 2, (size_t)1 << 20);
	put_reply(&frames, 3, 255);
	outcome_append(&record, 1, unit_bytes(&frames));
	ck_assert(!buf_failed(&record));
	ck_assert_int_eq(load(), 0);
	o = outcome_claim(&list, 1);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->last_sequence, 3);
	assert_found(o, 1);
	assert_found(o, 2);
	assert_found(o, 3);
	ck_assert(outcome_find(o, 2, &frame));
	ck_assert_uint_eq(frame.size, FRAME_SIZE + ((size_t)1 << 20));
	ck_assert(outcome_find(o, 3, &frame));
	ck_assert_uint_eq(frame.size, FRAME_SIZE + 255);
}
END_TEST

START_TEST(test_expire)
{
	struct outcome *o;
	uint64_t session;

	for (session = 1; session <= 6; session++)
		append_session(session, session, 1);
	ck_assert_int_eq(load(), 0);
	/* Neighbours, and neither the first nor the last. */
	ck_assert_ptr_nonnull(outcome_claim(&list, 2));
	ck_assert_ptr_nonnull(outcome_claim(&list, 3));
	ck_assert_ptr_nonnull(outcome_claim(&list, 5));
	outcome_expire(&list);
	ck_assert_uint_eq(count_list(), 3);
	TAILQ_FOREACH (o, &list, entry) {
		ck_assert(o->claimed);
		assert_found(o, o->session);
	}
	for (session = 1; session <= 6; session++)
		ck_assert_ptr_null(outcome_claim(&list, session));
	outcome_expire(&list);
	ck_assert_uint_eq(count_list(), 3);
}
END_TEST

START_TEST(test_expire_all_and_none)
{
	append_session(1, 1, 1);
	append_session(2, 1, 1);
	ck_assert_int_eq(load(), 0);
	outcome_expire(&list);
	ck_assert(TAILQ_EMPTY(&list));

	ck_assert_int_eq(load(), 0);
	ck_assert_ptr_nonnull(outcome_claim(&list, 1));
	ck_assert_ptr_nonnull(outcome_claim(&list, 2));
	outcome_expire(&list);
	ck_assert_uint_eq(count_list(), 2);
}
END_TEST

/* Whole only where a session ends; what was loaded before can be cleared. */
START_TEST(test_truncated)
{
	size_t ends[3], size, i;
	bool whole;

	append_session(1, 7, 2);
	ends[0] = buf_size(&record);
	append_session(2, 0, 0);
	ends[1] = buf_size(&record);
	append_session(3, 9, 3);
	ends[2] = buf_size(&record);
	for (size = 0; size <= ends[2]; size++) {
		whole = size == 0;
		for (i = 0; i < UNIT_COUNT(ends); i++)
			whole = whole || size == ends[i];
		ck_assert_msg(load_bytes(buf_data(&record), size) ==
			(whole ? 0 : -1),
		    "%zu bytes", size);
		ck_assert_uint_le(count_list(), 3);
		clear_list();
	}
}
END_TEST

/* A byte too many is the beginning of a session that does not end. */
START_TEST(test_trailing)
{
	size_t i;

	append_session(1, 7, 1);
	for (i = 1; i < SESSION_HEADER_SIZE; i++) {
		buf_append_byte(&record, 0);
		ck_assert_int_eq(load(), -1);
		clear_list();
	}
	/* Session 0, with nothing. */
	buf_append_byte(&record, 0);
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(count_list(), 2);
}
END_TEST

static const uint32_t bad_size_table[] = { 0, 1, MESSAGE_HEADER_SIZE - 1,
	MESSAGE_HEADER_SIZE, FRAME_SIZE - 1, FRAME_SIZE + 1, 1 << 16, INT32_MAX,
	UINT32_C(1) << 31, UINT32_MAX - 1, UINT32_MAX };

/* The size that a frame says, of the first, the only and the last. */
START_TEST(test_frame_size)
{
	uint32_t bad = bad_size_table[_i];
	size_t count, victim;
	uint8_t *at;

	for (count = 1; count <= 3; count++)
		for (victim = 0; victim < count; victim++) {
			buf_clear(&record);
			append_session(1, 7, count);
			at = buf_data(&record) + SESSION_HEADER_SIZE +
			    victim * FRAME_SIZE;
			memcpy(at, &bad, sizeof(bad));
			ck_assert_msg(load() == -1, "frame %zu of %zu", victim,
			    count);
			clear_list();
		}
}
END_TEST

/* The size that a session says; all but the right one are wrong. */
START_TEST(test_session_size)
{
	uint32_t bad = bad_size_table[_i];

	append_session(1, 7, 1);
	memcpy(buf_data(&record) + 8, &bad, sizeof(bad));
	ck_assert_int_eq(load(), -1);
	ck_assert_uint_le(count_list(), 1);
	outcome_expire(&list);
	ck_assert(TAILQ_EMPTY(&list));
}
END_TEST

/* Sessions before the bad one may be there, and can be used or cleared. */
START_TEST(test_bad_after_good)
{
	static const char junk[] = "no session, and not a frame either";

	append_session(1, 7, 1);
	append_session(2, 8, 1);
	buf_append(&record, junk, sizeof(junk));
	ck_assert_int_eq(load(), -1);
	(void)outcome_claim(&list, 1);
	outcome_expire(&list);
	ck_assert_uint_le(count_list(), 1);
}
END_TEST

/* One byte changed at random: no more is asked than to survive. */
START_TEST(test_random)
{
	uint64_t state = (uint64_t)_i + 1;
	struct outcome *o;
	struct bytes frame;
	size_t at;
	int round;

	for (round = 0; round < 5000; round++) {
		buf_clear(&record);
		append_session(1, 7, 2);
		append_session(2, 9, 1);
		at = unit_random(&state) % buf_size(&record);
		buf_data(&record)[at] = (uint8_t)unit_random(&state);
		(void)load();
		TAILQ_FOREACH (o, &list, entry)
			(void)outcome_find(o, 8, &frame);
		clear_list();
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *tc = tcase_create("outcome");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_format);
	tcase_add_loop_test(tc, test_round_trip, 0, UNIT_COUNT(size_table));
	tcase_add_test(tc, test_append_again);
	tcase_add_test(tc, test_claim);
	tcase_add_test(tc, test_find);
	tcase_add_test(tc, test_find_large);
	tcase_add_test(tc, test_expire);
	tcase_add_test(tc, test_expire_all_and_none);
	tcase_add_test(tc, test_truncated);
	tcase_add_test(tc, test_trailing);
	tcase_add_loop_test(tc, test_frame_size, 0, UNIT_COUNT(bad_size_table));
	tcase_add_loop_test(tc, test_session_size, 0,
	    UNIT_COUNT(bad_size_table));
	tcase_add_test(tc, test_bad_after_good);
	tcase_add_loop_test(tc, test_random, 0, 4);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
