/*
 * wait: see wait.h.
 */

#include "wait.h"

#include <check.h>
#include <time.h>

int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
pause_until(int64_t deadline_ms, const char *what)
{
	static const struct timespec pause = { .tv_nsec = 2000000 };

	if (now_ms() > deadline_ms)
		ck_abort_msg("waited too long: %s", what);
	(void)nanosleep(&pause, NULL);
}

void
pause_ms(int64_t ms)
{
	int64_t end_ms = now_ms() + ms;

	while (now_ms() < end_ms)
		pause_until(end_ms + WAIT_MS, "");
}
