/*
 * dice: random decisions, which are the same for the same seed.  Each user
 * has a stream of its own, so that the decisions of one do not depend on how
 * many the others make.
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
/* True once in n times, on average. */
bool dice_hit(struct dice *, uint32_t n);
/* A number that looks random, and is the same for the same x. */
uint64_t dice_mix(uint64_t x);

#endif
