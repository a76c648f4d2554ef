/*
 * check_histogram: these tests compare quantiles with those of the sorted
 * numbers.
 */

#include "kvbench/histogram.h"
#include "unit.h"

/* The last slot has no upper bound and holds all longer times. */
#define LAST_SLOT                          \
	((UINT64_C(1) << HISTOGRAM_BITS) - \
	    (UINT64_C(1) << (HISTOGRAM_BITS - HISTOGRAM_PART_BITS - 1)))

static struct histogram *
histogram_new(void)
{
	struct histogram *h = calloc(1, sizeof(*h));

	ck_assert_ptr_nonnull(h);
	return h;
}

/* The result may not be below the number, and at most one part in 128 above
 * it. */
static void
expect_about(uint64_t got, uint64_t want)
{
	ck_assert_uint_ge(got, want);
	ck_assert_uint_le(got - want, want / HISTOGRAM_PARTS);
}

TEST(test_empty)
{
	struct histogram *h = histogram_new();

	ck_assert_uint_eq(histogram_quantile(h, 0), 0);
	ck_assert_uint_eq(histogram_quantile(h, 500), 0);
	ck_assert_uint_eq(histogram_quantile(h, 1000), 0);
	ck_assert_double_eq(histogram_mean(h), 0);
	free(h);
}

/* The numbers are around each power of two, and the largest; alone, each number
 * is its own median. */
TEST(test_edges)
{
	struct histogram *h = histogram_new();
	uint64_t ns;
	int bit, off;

	for (bit = 0; bit < 64; bit++)
		for (off = -2; off <= 2; off++) {
			ns = (UINT64_C(1) << bit) + (uint64_t)off;
			memset(h, 0, sizeof(*h));
			histogram_record(h, ns);
			/* The maximum is exact. */
			ck_assert_uint_eq(histogram_quantile(h, 500), ns);
			ck_assert_uint_eq(histogram_quantile(h, 1000), ns);
			if (ns >= LAST_SLOT)
				continue;
			histogram_record(h, UINT64_MAX);
			expect_about(histogram_quantile(h, 500), ns);
		}
	free(h);
}

TEST(test_exact_below_256)
{
	struct histogram *h = histogram_new();
	uint64_t ns;

	for (ns = 0; ns < 2 * HISTOGRAM_PARTS; ns++)
		histogram_record(h, ns);
	for (ns = 0; ns < 2 * HISTOGRAM_PARTS; ns++)
		ck_assert_uint_eq(histogram_quantile(h,
				      (unsigned int)((ns + 1) * 1000 /
					  (2 * HISTOGRAM_PARTS))),
		    ns);
	ck_assert_double_eq(histogram_mean(h), HISTOGRAM_PARTS - 0.5);
	free(h);
}

/* The numbers 1 to 100000, in random order, are in two histograms that are
 * added. */
TEST(test_quantiles)
{
	static const unsigned int per_mille[] = { 1, 100, 500, 900, 990, 999 };
	struct histogram *a = histogram_new(), *b = histogram_new();
	uint64_t n = 100000, i;

	for (i = 0; i < n; i++)
		histogram_record(i % 3 == 0 ? a : b, i * 7919 % n + 1);
	histogram_add(a, b);
	ck_assert_uint_eq(a->count, n);
	for (i = 0; i < COUNT(per_mille); i++)
		expect_about(histogram_quantile(a, per_mille[i]),
		    per_mille[i] * n / 1000);
	ck_assert_uint_eq(histogram_quantile(a, 0), 1);
	ck_assert_uint_eq(histogram_quantile(a, 1000), n);
	ck_assert_double_eq(histogram_mean(a), 50000.5);
	free(a);
	free(b);
}

/* The total overflows when it is multiplied by 1000; one slot has just over
 * half of it. */
TEST(test_many)
{
	struct histogram *h = histogram_new();

	h->count = UINT64_MAX;
	h->max = 7;
	h->slots[5] = UINT64_MAX / 2;
	h->slots[7] = UINT64_MAX / 2 + 1;
	ck_assert_uint_eq(histogram_quantile(h, 499), 5);
	ck_assert_uint_eq(histogram_quantile(h, 500), 7);
	h->slots[5]++;
	h->slots[7]--;
	ck_assert_uint_eq(histogram_quantile(h, 500), 5);
	ck_assert_uint_eq(histogram_quantile(h, 501), 7);
	free(h);
}

/* A number that is too long for the slots is still the maximum. */
TEST(test_too_long)
{
	struct histogram *h = histogram_new();

	histogram_record(h, 5);
	histogram_record(h, UINT64_C(1) << HISTOGRAM_BITS);
	histogram_record(h, UINT64_MAX);
	ck_assert_uint_eq(histogram_quantile(h, 300), 5);
	ck_assert_uint_eq(histogram_quantile(h, 990), UINT64_MAX);
	ck_assert_uint_eq(h->max, UINT64_MAX);
	free(h);
}

static const struct test tests[] = {
	CASE("histogram", NULL, NULL),
	ONCE(test_empty),
	ONCE(test_edges),
	ONCE(test_exact_below_256),
	ONCE(test_quantiles),
	ONCE(test_many),
	ONCE(test_too_long),
};

SUITE("histogram", tests)
