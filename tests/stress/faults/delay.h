/*
 * A delay that lets others run in a window which is open for less than a
 * microsecond, so that a fault shows within seconds.
 */

#ifndef STRESS_FAULTS_DELAY_H
#define STRESS_FAULTS_DELAY_H

#include "common/clock.h"

/* Works without a system call: a worker may have few of them. */
static inline void
delay_us(int64_t us)
{
	int64_t end_us = clock_us() + us;

	while (clock_us() < end_us)
		;
}

#endif
