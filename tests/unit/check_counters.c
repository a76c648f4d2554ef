/*
 * check_counters: these tests check the names of what is counted, and
 * histograms (common/counters, proto/command).
 */

#include "unit.h"

#include <ctype.h>

#include "common/counters.h"
#include "proto/command.h"

/* Each number has exactly one name. */
TEST(test_families)
{
	static unsigned int named[COUNTERS];
	const struct counter_family *f;
	size_t i, n, j, size;

	for (i = 0; (f = counters_family(i)) != NULL; i++) {
		size =
		    f->kind == COUNTER_KIND_HISTOGRAM ? COUNTERS_HISTOGRAM : 1;
		for (n = 0; n < f->count; n++)
			for (j = 0; j < size; j++) {
				ck_assert_uint_lt(counters_place(f, n) + j,
				    COUNTERS);
				named[counters_place(f, n) + j]++;
			}
	}
	for (i = 0; i < COUNTERS; i++)
		ck_assert_msg(named[i] == 1, "number %zu has %u names", i,
		    named[i]);
}

static bool
is_word(const char *text)
{
	if (!islower((unsigned char)text[0]))
		return false;
	for (; *text != '\0'; text++)
		if (!islower((unsigned char)*text) && *text != '-')
			return false;
	return true;
}

/* Names and labels are words in lower case, and a help is a sentence. */
TEST(test_names)
{
	const struct counter_family *f, *other;
	size_t i, j;

	for (i = 0; (f = counters_family(i)) != NULL; i++) {
		ck_assert_msg(is_word(f->name), "%s", f->name);
		ck_assert(isupper((unsigned char)f->help[0]));
		ck_assert_int_eq(f->help[strlen(f->help) - 1], '.');
		for (j = 0; j < i; j++) {
			other = counters_family(j);
			ck_assert_str_ne(f->name, other->name);
		}
		ck_assert((f->label == NULL) == (f->count == 1));
		for (j = 0; f->labels != NULL && j < f->count; j++)
			ck_assert_msg(is_word(f->labels[j]), "%s %zu", f->name,
			    j);
	}
}

TEST(test_buckets)
{
	uint64_t us, bound;
	size_t bucket;

	for (us = 0; us < 100000; us++) {
		bucket = counters_bucket(us);
		bound = counters_bound_us(bucket);
		ck_assert(bound != 0 && us < bound);
		ck_assert(bucket == 0 || us >= counters_bound_us(bucket - 1));
	}
	ck_assert_uint_eq(counters_bucket(UINT64_MAX), COUNTERS_BUCKETS - 1);
	ck_assert_uint_eq(counters_bound_us(COUNTERS_BUCKETS - 1), 0);
	bound = counters_bound_us(COUNTERS_BUCKETS - 2);
	ck_assert_uint_eq(counters_bucket(bound), COUNTERS_BUCKETS - 1);
	ck_assert_uint_eq(counters_bucket(bound - 1), COUNTERS_BUCKETS - 2);
}

TEST(test_time)
{
	uint64_t histogram[COUNTERS_HISTOGRAM] = { 0 };

	counters_time(histogram, 0, 1);
	counters_time(histogram, 15, 2);
	counters_time(histogram, 16, 3);
	ck_assert_uint_eq(histogram[0], 3);
	ck_assert_uint_eq(histogram[1], 3);
	ck_assert_uint_eq(histogram[COUNTERS_BUCKETS], 30 + 48);
}

/* Each command is counted under its name. */
TEST(test_commands)
{
	const struct command *c;
	size_t i, n;

	for (i = 0; (c = command_get(i)) != NULL; i++) {
		n = command_number(c);
		ck_assert_uint_lt(n, COUNTERS_COMMANDS);
		ck_assert_str_eq(command_counted(n), c->name);
		if (c->local == COMMAND_REMOTE)
			ck_assert_uint_eq(
			    command_number_of((uint16_t)c->request), n);
	}
	ck_assert_str_eq(command_counted(COUNTERS_NO_COMMAND), "other");
	ck_assert_str_eq(
	    command_counted(command_number_of(MESSAGE_TRANSACTION)), "COMMIT");
	ck_assert_uint_eq(command_number_of(MESSAGE_LIST), COUNTERS_NO_COMMAND);
	ck_assert_ptr_null(command_counted(COUNTERS_COMMANDS));
}

TEST(test_reasons)
{
	ck_assert_str_eq(counters_close_reason(CLOSE_QUIT), "quit");
	ck_assert_str_eq(counters_close_reason(UINT32_MAX), "failed");
}

static const struct test tests[] = {
	CASE("counters", NULL, NULL),
	ONCE(test_families),
	ONCE(test_names),
	ONCE(test_buckets),
	ONCE(test_time),
	ONCE(test_commands),
	ONCE(test_reasons),
};

SUITE("counters", tests)
