/*
 * histogram: counts times in slots that are narrower for short times.  Runs in
 * kvbench.
 */

#include <stddef.h>

#include "kvbench/histogram.h"

/* How many low bits of this time are ignored. */
static unsigned int
slot_shift(uint64_t ns)
{
	unsigned int bits = 64 - (unsigned int)__builtin_clzll(ns | 1);

	return bits <= HISTOGRAM_PART_BITS + 1 ? 0 :
						 bits - HISTOGRAM_PART_BITS - 1;
}

static size_t
slot_of(uint64_t ns)
{
	unsigned int shift;

	if (ns >> HISTOGRAM_BITS != 0)
		return HISTOGRAM_SLOTS - 1;
	shift = slot_shift(ns);
	return shift * HISTOGRAM_PARTS + (size_t)(ns >> shift);
}

/* The longest time that is counted in this slot. */
static uint64_t
slot_end(size_t slot)
{
	size_t shift;

	if (slot < 2 * HISTOGRAM_PARTS)
		return slot;
	shift = slot / HISTOGRAM_PARTS - 1;
	return (((uint64_t)(slot - shift * HISTOGRAM_PARTS) + 1) << shift) - 1;
}

void
histogram_record(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	h->slots[slot_of(ns)]++;
}

void
histogram_add(struct histogram *to, const struct histogram *h)
{
	size_t i;

	to->count += h->count;
	to->sum += h->sum;
	if (h->max > to->max)
		to->max = h->max;
	for (i = 0; i < HISTOGRAM_SLOTS; i++)
		to->slots[i] += h->slots[i];
}

uint64_t
histogram_quantile(const struct histogram *h, unsigned int per_mille)
{
	uint64_t rank, seen = 0;
	size_t i;

	if (h->count == 0)
		return 0;
	/* count * per_mille / 1000, rounded up, without an overflow. */
	rank = h->count / 1000 * per_mille +
	    (h->count % 1000 * per_mille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (i = 0; i < HISTOGRAM_SLOTS - 1; i++) {
		seen += h->slots[i];
		if (seen >= rank)
			return slot_end(i) < h->max ? slot_end(i) : h->max;
	}
	return h->max;
}

double
histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
}
