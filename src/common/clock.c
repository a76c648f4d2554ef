/*
 * clock: reads the system's clocks.  Runs in every process.
 */

#include <limits.h>
#include <time.h>

#include "common/clock.h"

/* After clock_check() this cannot fail. */
static struct timespec
read_clock(clockid_t clock)
{
	struct timespec ts = { .tv_sec = 0 };

	(void)clock_gettime(clock, &ts);
	return ts;
}

static int64_t
read_ms(clockid_t clock)
{
	struct timespec ts = read_clock(clock);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int
clock_check(void)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME,
		CLOCK_BOOTTIME };
	struct timespec ts;
	size_t i;

	for (i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		if (clock_gettime(clocks[i], &ts) == -1)
			return -1;
	return 0;
}

int64_t
clock_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_us(void)
{
	struct timespec ts = read_clock(CLOCK_MONOTONIC);

	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_wall_base(void)
{
	return read_ms(CLOCK_REALTIME) - read_ms(CLOCK_BOOTTIME);
}

int64_t
clock_wall_ms(int64_t base_ms)
{
	return base_ms + read_ms(CLOCK_BOOTTIME);
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
