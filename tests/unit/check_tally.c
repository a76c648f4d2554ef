/* check_tally: answered requests, counted second by second. */

#include "kvbench/tally.h"
#include "unit.h"

#define BEGIN_NS INT64_C(5123456789)
#define NS_PER_S INT64_C(1000000000)

static struct tally *
tally_new(void)
{
	struct tally *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	t->begin_ns = t->end_ns = BEGIN_NS;
	return t;
}

TEST(test_edges)
{
	struct tally *t = tally_new();

	tally_note_done(t, BEGIN_NS);
	tally_note_done(t, BEGIN_NS + NS_PER_S - 1);
	tally_note_done(t, BEGIN_NS + NS_PER_S);
	tally_note_done(t, BEGIN_NS + TALLY_SECONDS_MAX * NS_PER_S - 1);
	tally_note_done(t, BEGIN_NS + TALLY_SECONDS_MAX * NS_PER_S);
	ck_assert_uint_eq(t->done, 5);
	ck_assert_uint_eq(t->by_second[0], 2);
	ck_assert_uint_eq(t->by_second[1], 1);
	ck_assert_uint_eq(t->by_second[2], 0);
	ck_assert_uint_eq(t->by_second[TALLY_SECONDS_MAX - 1], 1);
	free(t);
}

TEST(test_whole_seconds)
{
	struct tally *t = tally_new();

	ck_assert_uint_eq(tally_whole_seconds(t), 0);
	t->end_ns = BEGIN_NS + 2 * NS_PER_S - 1;
	ck_assert_uint_eq(tally_whole_seconds(t), 1);
	t->end_ns++;
	ck_assert_uint_eq(tally_whole_seconds(t), 2);
	t->end_ns = BEGIN_NS + (TALLY_SECONDS_MAX + 1) * NS_PER_S;
	ck_assert_uint_eq(tally_whole_seconds(t), TALLY_SECONDS_MAX);
	free(t);
}

/* Another thread begins at the same time, or nearly. */
TEST(test_add)
{
	struct tally *t = tally_new(), *other = tally_new();

	tally_note_done(t, BEGIN_NS);
	other->begin_ns++;
	tally_note_done(other, BEGIN_NS + 1);
	tally_note_done(other, BEGIN_NS + NS_PER_S + 1);
	tally_add(t, other);
	ck_assert_int_eq(t->begin_ns, BEGIN_NS);
	ck_assert_uint_eq(t->by_second[0], 2);
	ck_assert_uint_eq(t->by_second[1], 1);
	free(t);
	free(other);
}

static const struct test tests[] = {
	CASE("tally", NULL, NULL),
	ONCE(test_edges),
	ONCE(test_whole_seconds),
	ONCE(test_add),
};

SUITE("tally", tests)
