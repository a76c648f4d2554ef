/*
 * check_histogram: quantiles against those of the sorted numbers.
 */

#include "kvbench/histogram.h"
#include "unit.h"

/* What is longer goes into the last slot, which has no end. */
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

/* Not below what it is, and above by one part in 128 at most. */
static void
expect_about(uint64_t got, uint64_t want)
{
	ck_assert_uint_ge(got, want);
	ck_assert_uint_le(got - want, want / HISTOGRAM_PARTS);
}

START_TEST(test_empty)
{
	struct histogram *h = histogram_new();

	ck_assert_uint_eq(histogram_quantile(h, 0), 0);
	ck_assert_uint_eq(histogram_quantile(h, 0.5), 0);
	ck_assert_uint_eq(histogram_quantile(h, 1), 0);
	ck_assert_double_eq(histogram_mean(h), 0);
	free(h);
}
END_TEST

/* Around each power of two, and the largest: alone, each is its median. */
START_TEST(test_edges)
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
			ck_assert_uint_eq(histogram_quantile(h, 0.5), ns);
			ck_assert_uint_eq(histogram_quantile(h, 1), ns);
			if (ns >= LAST_SLOT)
				continue;
			histogram_record(h, UINT64_MAX);
			expect_about(histogram_quantile(h, 0.5), ns);
		}
	free(h);
}
END_TEST

START_TEST(test_exact_below_256)
{
	struct histogram *h = histogram_new();
	uint64_t ns;

	for (ns = 0; ns < 2 * HISTOGRAM_PARTS; ns++)
		histogram_record(h, ns);
	for (ns = 0; ns < 2 * HISTOGRAM_PARTS; ns++)
		ck_assert_uint_eq(histogram_quantile(h,
				      (double)(ns + 1) / (2 * HISTOGRAM_PARTS)),
		    ns);
	ck_assert_double_eq(histogram_mean(h), HISTOGRAM_PARTS - 0.5);
	free(h);
}
END_TEST

/* 1 to 100000, in no order, in two histograms that are added. */
START_TEST(test_quantiles)
{
	static const double shares[] = { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999,
		0.9999 };
	struct histogram *a = histogram_new(), *b = histogram_new();
	uint64_t n = 100000, i;

	for (i = 0; i < n; i++)
		histogram_record(i % 3 == 0 ? a : b, i * 7919 % n + 1);
	histogram_add(a, b);
	ck_assert_uint_eq(a->count, n);
	for (i = 0; i < UNIT_COUNT(shares); i++)
		expect_about(histogram_quantile(a, shares[i]),
		    (uint64_t)(shares[i] * (double)n + 0.5));
	ck_assert_uint_eq(histogram_quantile(a, 0), 1);
	ck_assert_uint_eq(histogram_quantile(a, 1), n);
	ck_assert_double_eq(histogram_mean(a), 50000.5);
	free(a);
	free(b);
}
END_TEST

/* What is too long for the slots is still the maximum. */
START_TEST(test_too_long)
{
	struct histogram *h = histogram_new();

	histogram_record(h, 5);
	histogram_record(h, UINT64_C(1) << HISTOGRAM_BITS);
	histogram_record(h, UINT64_MAX);
	ck_assert_uint_eq(histogram_quantile(h, 0.3), 5);
	ck_assert_uint_eq(histogram_quantile(h, 0.99), UINT64_MAX);
	ck_assert_uint_eq(h->max, UINT64_MAX);
	free(h);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("histogram");
	TCase *tc = tcase_create("histogram");

	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_edges);
	tcase_add_test(tc, test_exact_below_256);
	tcase_add_test(tc, test_quantiles);
	tcase_add_test(tc, test_too_long);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
