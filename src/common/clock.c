/*
 * clock: the monotonic clock in milliseconds.
 */

#include <limits.h>
#include <time.h>

#include "common/clock.h"

int64_t
clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail on Linux */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int
clock_timeout(int64_t deadline_ms, int64_t now_ms)
{
	if (deadline_ms == CLOCK_NEVER)
		return -1;
	if (deadline_ms <= now_ms)
		return 0;
	return deadline_ms - now_ms > INT_MAX ? INT_MAX :
						(int)(deadline_ms - now_ms);
}
