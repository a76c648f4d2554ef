/*
 * A histogram of times in nanoseconds.  Its memory is fixed, and each time is
 * exact to one part in 128, as in Gil Tene's HdrHistogram.  No I/O.
 */

#ifndef KVBENCH_HISTOGRAM_H
#define KVBENCH_HISTOGRAM_H

#include <stdint.h>

/* Each power of two is divided into so many slots.  Times below twice that
 * number are exact. */
#define HISTOGRAM_PART_BITS 7
#define HISTOGRAM_PARTS (1 << HISTOGRAM_PART_BITS)
/* Longer times, of more than two hours, are counted in the last slot.  The
 * maximum is always exact. */
#define HISTOGRAM_BITS 43
#define HISTOGRAM_SLOTS \
	((HISTOGRAM_BITS - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS)

struct histogram {
	uint64_t count;
	uint64_t max;
	uint64_t sum;
	uint64_t slots[HISTOGRAM_SLOTS];
};

/* A histogram that is all zero is empty. */
void histogram_record(struct histogram *, uint64_t ns);
void histogram_add(struct histogram *to, const struct histogram *);

/*
 * The time that `per_mille` (0 to 1000) of each thousand times do not exceed.
 * It is up to 1/128 too long.  0: the histogram is empty.  Computed in
 * integers, so that it is the same on every machine.
 */
uint64_t histogram_quantile(const struct histogram *, unsigned int per_mille);
double histogram_mean(const struct histogram *);

#endif
