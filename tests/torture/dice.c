/*
 * dice: splitmix64, by Steele, Lea and Flood, "Fast splittable pseudorandom
 * number generators", 2014.
 */

#include "torture/dice.h"

#define GAMMA UINT64_C(0x9e3779b97f4a7c15)

uint64_t
dice_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

void
dice_init(struct dice *d, uint64_t seed, uint64_t stream)
{
	d->state = dice_mix(seed + GAMMA) ^ dice_mix(stream * GAMMA);
}

uint32_t
dice_below(struct dice *d, uint32_t n)
{
	d->state += GAMMA;
	return (uint32_t)((dice_mix(d->state) >> 32) * n >> 32);
}

bool
dice_hit(struct dice *d, uint32_t n)
{
	return dice_below(d, n) == 0;
}
