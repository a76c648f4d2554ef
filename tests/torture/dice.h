/*
 * Random decisions that a seed repeats.  Each user has a stream of its own,
 * so that what one does changes nothing for the others.
 */

#ifndef TORTURE_DICE_H
#define TORTURE_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

void dice_init(struct dice *, uint64_t seed, uint64_t stream);
/* From 0 to n - 1. */
uint32_t dice_below(struct dice *, uint32_t n);
/* Once in n times. */
bool dice_hit(struct dice *, uint32_t n);
/* The number that x stands for: the same for the same x. */
uint64_t dice_mix(uint64_t x);

#endif
