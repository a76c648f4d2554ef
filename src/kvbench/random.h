/*
 * Pseudo-random numbers, which are fast and the same for the same seed:
 * xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's
 * xorshift generators, scrambled").
 */

#ifndef KVBENCH_RANDOM_H
#define KVBENCH_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state; /* never 0 */
};

/* splitmix64 gives neighbouring seeds unrelated numbers. */
static inline void
random_init(struct random *r, uint64_t seed)
{
	seed += 0x9e3779b97f4a7c15ULL;
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ULL;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebULL;
	r->state = (seed ^ (seed >> 31)) | 1;
}

static inline uint64_t
random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL;
}

/* Returns a number from 0 to n - 1.  n is from 1 to 2^32. */
static inline uint64_t
random_below(struct random *r, uint64_t n)
{
	return ((random_next(r) >> 32) * n) >> 32;
}

/* Returns a number from 0 up to but not including 1. */
static inline double
random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) * 0x1p-53;
}

#endif
