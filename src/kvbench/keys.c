/*
 * keys: distributions over a range of keys.  Runs in kvbench.
 *
 * The Zipf distribution uses rejection-inversion, which needs no table: W.
 * Hörmann, G. Derflinger, "Rejection-inversion to generate variates from
 * monotone discrete distributions", ACM TOMACS 6.3 (1996).
 */

#include <math.h>
#include <string.h>

#include "common/number.h"
#include "kvbench/keys.h"

#define ZIPF_EXPONENT 0.99 /* as in YCSB */
#define ZIPF_EXPONENT_MIN 0.001
#define ZIPF_EXPONENT_MAX 10
/* A prime above KEYS_MAX.  Multiplication by it (modulo n) moves the frequent
 * keys away from each other, and no two to the same place. */
#define SPREAD 2654435761U

/* log(1 + x) / x and (exp(x) - 1) / x, also for x near 0. */
static double
log1p_ratio(double x)
{
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

static double
expm1_ratio(double x)
{
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

/* The density without its constant factor, its integral, and the inverse of
 * the integral. */
static double
density(const struct keys *k, double x)
{
	return exp(-k->exponent * log(x));
}

static double
integral(const struct keys *k, double x)
{
	return expm1_ratio((1 - k->exponent) * log(x)) * log(x);
}

static double
inverse(const struct keys *k, double x)
{
	double t = x * (1 - k->exponent);

	return exp(log1p_ratio(t < -1 ? -1 : t) * x);
}

bool
keys_parse(const char *text, enum keys_order *order, double *exponent)
{
	*exponent = ZIPF_EXPONENT;
	if (strcmp(text, "uniform") == 0)
		*order = KEYS_UNIFORM;
	else if (strcmp(text, "sequential") == 0)
		*order = KEYS_SEQUENTIAL;
	else if (strcmp(text, "zipf") == 0)
		*order = KEYS_ZIPF;
	else if (strncmp(text, "zipf:", 5) == 0) {
		*order = KEYS_ZIPF;
		return number_decimal_in_range(text + 5, ZIPF_EXPONENT_MIN,
		    ZIPF_EXPONENT_MAX, exponent);
	} else
		return false;
	return true;
}

void
keys_init(struct keys *k, enum keys_order order, double exponent, uint64_t n)
{
	memset(k, 0, sizeof(*k));
	k->order = order;
	k->n = n;
	k->step = 1;
	k->exponent = exponent;
	if (order != KEYS_ZIPF)
		return;
	k->integral_first = integral(k, 1.5) - 1;
	k->integral_last = integral(k, (double)n + 0.5);
	k->shift = 2 - inverse(k, integral(k, 2.5) - density(k, 2));
}

void
keys_share(struct keys *k, uint64_t first, uint64_t step)
{
	k->next = first % k->n;
	k->step = step;
}

/* From 1 (the most frequent) to n. */
static uint64_t
zipf_rank(const struct keys *k, struct random *random)
{
	double u, x, rank;

	for (;;) {
		u = k->integral_last +
		    random_unit(random) *
			(k->integral_first - k->integral_last);
		x = inverse(k, u);
		rank = floor(x + 0.5);
		if (rank < 1)
			rank = 1;
		else if (rank > (double)k->n)
			rank = (double)k->n;
		if (rank - x <= k->shift ||
		    u >= integral(k, rank + 0.5) - density(k, rank))
			return (uint64_t)rank;
	}
}

uint64_t
keys_next(struct keys *k, struct random *random)
{
	uint64_t key;

	switch (k->order) {
	case KEYS_UNIFORM:
		return random_below(random, k->n);
	case KEYS_ZIPF:
		return (zipf_rank(k, random) - 1) * SPREAD % k->n;
	case KEYS_SEQUENTIAL:
		break;
	}
	key = k->next;
	k->next = (key + k->step) % k->n;
	return key;
}

void
keys_print(uint64_t key, uint8_t *text)
{
	size_t i;

	memcpy(text, "key:", 4);
	for (i = KEYS_TEXT_SIZE - 1; i >= 4; i--) {
		text[i] = (uint8_t)('0' + key % 10);
		key /= 10;
	}
}
