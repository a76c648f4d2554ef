/*
 * check_cell: these tests check what the stress program accepts of clients that
 * read, and what it refuses.
 */

#include <string.h>

#include "stress/cell.h"
#include "stress/value.h"
#include "unit.h"

#define NOW_MS 100000

static struct cell cell;

static void
setup(void)
{
	cell_init(&cell, CELL_SINGLE, 7, CELL_ABSENT);
}

/* A write that is answered, and one that is not. */
static uint32_t
write_done(enum cell_content content)
{
	uint32_t step = cell_write(&cell, content);

	cell_done(&cell, step, NOW_MS);
	return step;
}

/* A read that begins now. */
static struct cell_read
begin_read(void)
{
	return (struct cell_read){ .at_least = cell.floor,
		.at_most = UINT32_MAX,
		.start_ms = NOW_MS };
}

static enum cell_verdict
end_read(struct cell_read read, unsigned int seen, uint32_t value)
{
	enum cell_verdict verdict;
	uint32_t step = 0;

	read.seen = seen;
	read.value = value;
	read.end_ms = NOW_MS;
	if ((verdict = cell_check(&cell, &read, &step)) == CELL_GOOD)
		cell_saw(&cell, step);
	return verdict;
}

static enum cell_verdict
read_now(unsigned int seen, uint32_t value)
{
	return end_read(begin_read(), seen, value);
}

TEST(test_answered_write)
{
	ck_assert_int_eq(read_now(CELL_ABSENT, 0), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_UNSENT);
	ck_assert_uint_eq(write_done(CELL_VALUE), 1);
	ck_assert_int_eq(read_now(CELL_ABSENT, 0), CELL_STALE);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_GOOD);
	ck_assert_uint_eq(write_done(CELL_VALUE), 2);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_STALE);
	ck_assert_int_eq(read_now(CELL_VALUE, 2), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_NO_BUCKET, 0), CELL_STALE);
}

/* A write that is under way may be seen or not, but is never unseen. */
TEST(test_write_under_way)
{
	struct cell_read early;

	write_done(CELL_VALUE);
	early = begin_read();
	(void)cell_write(&cell, CELL_VALUE);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_VALUE, 2), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_STALE);
	/* This read began before the others ended. */
	ck_assert_int_eq(end_read(early, CELL_VALUE, 1), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_VALUE, 3), CELL_UNSENT);
}

/* "Absent" is given the lowest step that it can be. */
TEST(test_absent)
{
	struct cell_read early = begin_read();

	(void)cell_write(&cell, CELL_VALUE);
	(void)cell_write(&cell, CELL_ABSENT);
	(void)cell_write(&cell, CELL_VALUE);
	(void)cell_write(&cell, CELL_ABSENT);
	ck_assert_int_eq(read_now(CELL_ABSENT, 0), CELL_GOOD);
	ck_assert_uint_eq(cell.floor, 0);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_ABSENT, 0), CELL_GOOD);
	ck_assert_uint_eq(cell.floor, 2);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_STALE);
	/* EXISTS does not say which value it is. */
	ck_assert_int_eq(read_now(CELL_VALUE, 0), CELL_GOOD);
	ck_assert_uint_eq(cell.floor, 3);
	ck_assert_int_eq(read_now(CELL_ABSENT | CELL_NO_BUCKET, 0), CELL_GOOD);
	ck_assert_uint_eq(cell.floor, 4);
	ck_assert_int_eq(read_now(CELL_VALUE, 0), CELL_STALE);
	ck_assert_int_eq(end_read(early, CELL_ABSENT, 0), CELL_GOOD);
}

TEST(test_bucket)
{
	write_done(CELL_VALUE);
	write_done(CELL_NO_BUCKET);
	ck_assert_int_eq(read_now(CELL_ABSENT, 0), CELL_STALE);
	ck_assert_int_eq(read_now(CELL_NO_BUCKET, 0), CELL_GOOD);
	write_done(CELL_ABSENT);
	ck_assert_int_eq(read_now(CELL_NO_BUCKET, 0), CELL_STALE);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_STALE);
	/* The number of a step that wrote no value. */
	ck_assert_int_eq(read_now(CELL_VALUE, 3), CELL_UNSENT);
}

TEST(test_aborted)
{
	ck_assert_int_eq(read_now(CELL_VALUE, CELL_NO_STEP), CELL_UNSENT);
}

/* The writer reads before what it writes next. */
TEST(test_own_read)
{
	struct cell_read own;

	(void)cell_write(&cell, CELL_VALUE);
	own = begin_read();
	own.at_least = cell.own;
	own.at_most = cell.sent;
	(void)cell_write(&cell, CELL_VALUE);
	ck_assert_int_eq(end_read(own, CELL_VALUE, 2), CELL_UNSENT);
	ck_assert_int_eq(end_read(own, CELL_ABSENT, 0), CELL_STALE);
	ck_assert_int_eq(end_read(own, CELL_VALUE, 1), CELL_GOOD);
}

TEST(test_expiry)
{
	const int64_t ttl_ms = CELL_SLACK_MS + 10;
	struct cell_read read;
	uint32_t step;

	step = cell_write_expiring(&cell, ttl_ms, NOW_MS);
	cell_done(&cell, step, NOW_MS);
	ck_assert_int_eq(read_now(CELL_VALUE, step), CELL_GOOD);
	ck_assert_int_eq(read_now(CELL_ABSENT, 0), CELL_EARLY);
	/* It may be gone, but it may also still be there. */
	read = begin_read();
	read.seen = CELL_ABSENT;
	read.start_ms = read.end_ms = NOW_MS + ttl_ms;
	ck_assert_int_eq(cell_check(&cell, &read, &step), CELL_GOOD);
	ck_assert_uint_eq(step, 2);
	ck_assert_uint_eq(cell.floor, 1);
	read.seen = CELL_VALUE;
	read.value = 1;
	ck_assert_int_eq(cell_check(&cell, &read, &step), CELL_GOOD);
	read.start_ms = read.end_ms = NOW_MS + ttl_ms + CELL_SLACK_MS + 1;
	ck_assert_int_eq(cell_check(&cell, &read, &step), CELL_LATE);
	/* Once it was seen to be gone, it is gone. */
	cell_saw(&cell, 2);
	ck_assert_int_eq(read_now(CELL_VALUE, 1), CELL_STALE);
	ck_assert_uint_eq(cell_write(&cell, CELL_VALUE), 3);
}

TEST(test_forgotten)
{
	struct cell_read early = begin_read();
	int i;

	for (i = 0; i < CELL_STEPS; i++)
		(void)cell_write(&cell, CELL_VALUE);
	ck_assert_int_eq(end_read(early, CELL_ABSENT, 0), CELL_UNCHECKED);
	ck_assert_int_eq(end_read(early, CELL_VALUE, 1), CELL_GOOD);
	ck_assert_int_eq(end_read(early, CELL_VALUE, CELL_STEPS + 1),
	    CELL_UNSENT);
}

/* What was cut off, put together from two writes, or taken from another key. */
TEST(test_value)
{
	struct value_key k = { .cell = 0xabcdef, .key = 3 };
	struct buf b, other;
	uint32_t step, got;
	char *text;
	size_t size;

	buf_init(&b);
	buf_init(&other);
	for (step = 1; step < 1000; step++) {
		buf_truncate(&b, 0);
		buf_truncate(&other, 0);
		value_put(&b, k, step);
		value_put(&other, k, step + 1);
		text = (char *)buf_data(&b);
		size = buf_size(&b);
		ck_assert(value_parse(text, size, k, &got));
		ck_assert_uint_eq(got, step);
		ck_assert(!value_parse(text, size - 1, k, &got));
		ck_assert(!value_parse(text, size - 16, k, &got));
		k.key++;
		ck_assert(!value_parse(text, size, k, &got));
		k.key--;
		if (size == 16 || buf_size(&other) < size)
			continue;
		memcpy(text + size - 16, buf_data(&other), 16);
		ck_assert(!value_parse(text, size, k, &got));
	}
	buf_clear(&b);
	buf_clear(&other);
}

static const struct test tests[] = {
	CASE("cell", setup, NULL),
	ONCE(test_answered_write),
	ONCE(test_write_under_way),
	ONCE(test_absent),
	ONCE(test_bucket),
	ONCE(test_aborted),
	ONCE(test_own_read),
	ONCE(test_expiry),
	ONCE(test_forgotten),
	ONCE(test_value),
};

SUITE("cell", tests)
