/*
 * A histogram of times, in nanoseconds: in bounded memory, each to within
 * one part in 128, as Gil Tene's HdrHistogram does it.  Pure.
 */

#ifndef KVBENCH_HISTOGRAM_H
#define KVBENCH_HISTOGRAM_H

#include <stdint.h>

/* So many parts has each power of two; below twice that all is exact. */
#define HISTOGRAM_PART_BITS 7
#define HISTOGRAM_PARTS (1 << HISTOGRAM_PART_BITS)
/* Longer ones, over two hours, are in the last slot; the maximum is exact. */
#define HISTOGRAM_BITS 43
#define HISTOGRAM_SLOTS \
	((HISTOGRAM_BITS - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS)

struct histogram {
	uint64_t count;
	uint64_t max;
	uint64_t sum;
	uint64_t slots[HISTOGRAM_SLOTS];
};

/* All zero is an empty one. */
void histogram_record(struct histogram *, uint64_t ns);
void histogram_add(struct histogram *to, const struct histogram *);

/*
 * The time that `per_mille` of a thousand of them, 0 to 1000, do not exceed: at
 * most 1/128 too long.  0 when there are none.  In whole numbers, so that it is
 * the same on every machine.
 */
uint64_t histogram_quantile(const struct histogram *, unsigned int per_mille);
double histogram_mean(const struct histogram *);

#endif
