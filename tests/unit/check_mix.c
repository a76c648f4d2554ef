/*
 * check_mix: these tests check the proportions of requests, and the values that
 * are put.
 */

#include "kvbench/mix.h"
#include "kvbench/values.h"
#include "unit.h"

#define DRAWS 1000000

static const struct {
	const char *text;
	const char *printed; /* NULL means that the mix is refused. */
} mix_table[] = {
	{ "get", "get=1" },
	{ "get=90,put=10", "get=90,put=10" },
	{ "put=10,get=90", "get=90,put=10" },
	{ "get,put,delete,ping,echo", "get=1,put=1,delete=1,ping=1,echo=1" },
	{ "get=0,put=1", "put=1" },
	{ "get=1000000", "get=1000000" },
	{ "get=1000001", NULL },
	{ "get=99999999999999999999", NULL },
	{ "", NULL },
	{ "get=0", NULL },
	{ "get=", NULL },
	{ "get=-1", NULL },
	{ "get=1x", NULL },
	{ "get=1,", NULL },
	{ ",get", NULL },
	{ "get,get", NULL },
	{ "GET", NULL },
	{ "create", NULL },
	{ "getput", NULL },
};

TEST(test_mix_parse)
{
	const char *printed = mix_table[_i].printed;
	struct mix mix;
	char text[128];

	ck_assert_int_eq(mix_parse(&mix, mix_table[_i].text), printed != NULL);
	if (printed == NULL)
		return;
	mix_print(&mix, text, sizeof(text));
	ck_assert_str_eq(text, printed);
}

TEST(test_mix_next)
{
	int counts[OP_COUNT] = { 0 }, i;
	struct random random;
	struct mix mix;

	ck_assert(mix_parse(&mix, "get=90,delete=9,echo=1"));
	random_init(&random, 1);
	for (i = 0; i < DRAWS; i++)
		counts[mix_next(&mix, &random)]++;
	ck_assert_int_eq(counts[OP_PUT] + counts[OP_PING], 0);
	ck_assert_int_lt(abs(counts[OP_GET] - 900000), 2000);
	ck_assert_int_lt(abs(counts[OP_DELETE] - 90000), 2000);
	ck_assert_int_lt(abs(counts[OP_ECHO] - 10000), 1000);
}

TEST(test_mix_one)
{
	struct random random;
	struct mix mix;

	random_init(&random, 1);
	ck_assert(mix_parse(&mix, "echo"));
	ck_assert_int_eq(mix_next(&mix, &random), OP_ECHO);
}

static const struct {
	const char *text;
	bool good;
	size_t min, max;
} size_table[] = {
	{ "0", true, 0, 0 },
	{ "16", true, 16, 16 },
	{ "16-1024", true, 16, 1024 },
	{ "1k-1M", true, 1024, 1048576 },
	{ "64M", true, VALUES_SIZE_MAX, VALUES_SIZE_MAX },
	{ "65M", false, 0, 0 },
	{ "67108865", false, 0, 0 },
	{ "99999999999999999999", false, 0, 0 },
	{ "17-16", false, 0, 0 },
	{ "16-", false, 0, 0 },
	{ "-16", false, 0, 0 },
	{ "16-32-64", false, 0, 0 },
	{ "1kk", false, 0, 0 },
	{ "x", false, 0, 0 },
	{ "", false, 0, 0 },
};

TEST(test_sizes)
{
	size_t min = 0, max = 0;

	ck_assert_int_eq(values_parse(size_table[_i].text, &min, &max),
	    size_table[_i].good);
	if (!size_table[_i].good)
		return;
	ck_assert_uint_eq(min, size_table[_i].min);
	ck_assert_uint_eq(max, size_table[_i].max);
}

/* A value matches its own key, at each allowed size and at no other size. */
TEST(test_match)
{
	struct random random;
	struct values v, same;
	struct bytes value;
	uint64_t key, wrong = 0;
	uint8_t *copy;
	size_t size;

	ck_assert_int_eq(values_init(&v, 4, 32), 0);
	ck_assert_int_eq(values_init(&same, 4, 32), 0);
	random_init(&random, 9);
	for (key = 0; key < 20000; key++) {
		size = values_size(&v, &random);
		ck_assert_uint_ge(size, 4);
		ck_assert_uint_le(size, 32);
		value = values_get(&v, key, size);
		copy = unit_copy(value.data, size);
		value.data = copy;
		ck_assert(values_match(&same, key, value));
		wrong += values_match(&same, key + 1, value);
		copy[size - 1] ^= 1;
		ck_assert(!values_match(&same, key, value));
		free(copy);
	}
	ck_assert_uint_lt(wrong, 20);
	ck_assert(!values_match(&v, 1, values_get(&v, 1, 3)));
	value = values_get(&same, 1, 32);
	value.size = 33;
	ck_assert(!values_match(&v, 1, value));
	values_clear(&v);
	values_clear(&same);
}

static const struct test tests[] = {
	CASE("mix", NULL, NULL),
	EACH(test_mix_parse, mix_table),
	ONCE(test_mix_next),
	ONCE(test_mix_one),
	EACH(test_sizes, size_table),
	ONCE(test_match),
};

SUITE("mix", tests)
