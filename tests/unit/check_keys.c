/*
 * check_keys: these tests compare distributions of keys with their definitions.
 */

#include <math.h>

#include "kvbench/keys.h"
#include "unit.h"

#define KEYS 1000
#define DRAWS 1000000

static const struct {
	const char *text;
	bool good;
	enum keys_order order;
	double exponent;
} parse_table[] = {
	{ "uniform", true, KEYS_UNIFORM, 0.99 },
	{ "sequential", true, KEYS_SEQUENTIAL, 0.99 },
	{ "zipf", true, KEYS_ZIPF, 0.99 },
	{ "zipf:1", true, KEYS_ZIPF, 1 },
	{ "zipf:0.5", true, KEYS_ZIPF, 0.5 },
	{ "zipf:10", true, KEYS_ZIPF, 10 },
	{ "zipf:10.1", false, 0, 0 },
	{ "zipf:0", false, 0, 0 },
	{ "zipf:-1", false, 0, 0 },
	{ "zipf:nan", false, 0, 0 },
	{ "zipf:", false, 0, 0 },
	{ "zipf:1x", false, 0, 0 },
	{ "zipfel", false, 0, 0 },
	{ "Uniform", false, 0, 0 },
	{ "", false, 0, 0 },
};

TEST(test_parse)
{
	enum keys_order order = KEYS_UNIFORM;
	double exponent = 0;

	ck_assert_int_eq(keys_parse(parse_table[_i].text, &order, &exponent),
	    parse_table[_i].good);
	if (!parse_table[_i].good)
		return;
	ck_assert_int_eq(order, parse_table[_i].order);
	ck_assert_double_eq(exponent, parse_table[_i].exponent);
}

static int
compare_counts(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void
draw(struct keys *k, uint64_t counts[KEYS])
{
	struct random random;
	uint64_t key;
	int i;

	random_init(&random, 42);
	memset(counts, 0, KEYS * sizeof(*counts));
	for (i = 0; i < DRAWS; i++) {
		key = keys_next(k, &random);
		/* An assertion for each key would cost more than drawing the
		 * key. */
		if (key >= KEYS)
			ck_abort_msg("a key beyond the last");
		counts[key]++;
	}
}

/* The count must be within six standard deviations. */
static void
expect_count(uint64_t count, double want)
{
	ck_assert_double_lt(fabs((double)count - want), 6 * sqrt(want) + 1);
}

TEST(test_uniform)
{
	uint64_t counts[KEYS];
	struct keys k;
	size_t i;

	keys_init(&k, KEYS_UNIFORM, 0, KEYS);
	draw(&k, counts);
	for (i = 0; i < KEYS; i++)
		expect_count(counts[i], DRAWS / KEYS);
}

static const double exponents[] = { 0.5, 0.99, 1, 1.2, 2 };

TEST(test_zipf)
{
	uint64_t counts[KEYS], total = 0;
	double sum = 0, s = exponents[_i];
	struct keys k;
	size_t i;

	for (i = 1; i <= KEYS; i++)
		sum += pow((double)i, -s);
	keys_init(&k, KEYS_ZIPF, s, KEYS);
	draw(&k, counts);
	/* The most frequent keys are not next to each other. */
	ck_assert_uint_gt(counts[0], counts[1]);
	qsort(counts, KEYS, sizeof(*counts), compare_counts);
	/* Only the ranks that differ beyond doubt are compared, and the
	 * total. */
	for (i = 1; i <= 5; i++)
		expect_count(counts[i - 1], DRAWS * pow((double)i, -s) / sum);
	for (i = 0; i < KEYS; i++)
		total += counts[i];
	ck_assert_uint_eq(total, DRAWS);
}

/* Each key is drawn once, however many threads there are. */
TEST(test_sequential)
{
	uint64_t seen[KEYS] = { 0 }, thread, i, n = (uint64_t)_i;
	struct random random;
	struct keys k;

	random_init(&random, 1);
	for (thread = 0; thread < n; thread++) {
		keys_init(&k, KEYS_SEQUENTIAL, 0, KEYS);
		keys_share(&k, thread, n);
		for (i = thread; i < KEYS; i += n)
			seen[keys_next(&k, &random)]++;
	}
	for (i = 0; i < KEYS; i++)
		ck_assert_uint_eq(seen[i], 1);
}

static const uint64_t extremes[] = { 1, 2, 3, KEYS_MAX };

TEST(test_range)
{
	static const enum keys_order orders[] = { KEYS_UNIFORM, KEYS_ZIPF,
		KEYS_SEQUENTIAL };
	uint64_t n = extremes[_i];
	struct random random;
	struct keys k;
	size_t o, i;

	random_init(&random, 3);
	for (o = 0; o < COUNT(orders); o++) {
		keys_init(&k, orders[o], 0.99, n);
		keys_share(&k, 5, 3);
		for (i = 0; i < 10000; i++)
			if (keys_next(&k, &random) >= n)
				ck_abort_msg("a key beyond the last");
	}
}

TEST(test_print)
{
	uint8_t *text = unit_copy("xxxxxxxxxxxxxxxx", KEYS_TEXT_SIZE);

	keys_print(0, text);
	ck_assert_mem_eq(text, "key:000000000000", KEYS_TEXT_SIZE);
	keys_print(KEYS_MAX - 1, text);
	ck_assert_mem_eq(text, "key:000999999999", KEYS_TEXT_SIZE);
	free(text);
}

static const struct test tests[] = {
	CASE("keys", NULL, NULL),
	EACH(test_parse, parse_table),
	ONCE(test_uniform),
	EACH(test_zipf, exponents),
	LOOP_FROM(test_sequential, 1, 8),
	EACH(test_range, extremes),
	ONCE(test_print),
};

SUITE("keys", tests)
