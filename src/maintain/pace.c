/*
 * pace: see pace.h.  Runs in kvd-maintain.
 */

#include <sys/time.h>

#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "maintain/pace.h"

#define SHOW_MS 500
/* The longest wait before it is looked whether to stop. */
#define NAP_MS 100
#define TICK_MS 200

static volatile sig_atomic_t stopped;

static void
stop(int signal)
{
	(void)signal;
	stopped = 1;
}

void
pace_init(struct pace *p, const char *what, uint64_t rate)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = stop };
	size_t i;

	*p =
	    (struct pace){ .what = what, .rate = rate, .begin_ms = clock_ms() };
	progress_init(&p->progress, true, SHOW_MS);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &action, NULL);
}

void
pace_wait(struct pace *p, uint64_t bytes)
{
	struct timespec nap = { .tv_sec = 0 };
	int64_t due_ms, left_ms;

	p->bytes += bytes;
	if (p->rate == 0)
		return;
	due_ms =
	    p->begin_ms + (int64_t)((double)p->bytes * 1000 / (double)p->rate);
	while (!stopped && (left_ms = due_ms - clock_ms()) > 0) {
		nap.tv_nsec = (left_ms < NAP_MS ? left_ms : NAP_MS) * 1000000;
		(void)nanosleep(&nap, NULL);
	}
}

static void
interrupt(int signal)
{
	(void)signal;
}

static void
set_timer(int ms)
{
	const struct timeval period = { .tv_usec = ms * 1000 };
	const struct itimerval timer = { period, period };

	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

void
pace_tick(struct pace *p)
{
	struct sigaction action = { .sa_handler = interrupt };

	if (p->ticks)
		return;
	sigemptyset(&action.sa_mask);
	(void)sigaction(SIGALRM, &action, NULL);
	set_timer(TICK_MS);
	p->ticks = true;
}

bool
pace_go_on(struct pace *p, uint64_t done, uint64_t total)
{
	if (progress_is_due(&p->progress)) {
		if (total > 0)
			progress_show(&p->progress,
			    "%s: %llu of %llu entries, %llu%%", p->what,
			    (unsigned long long)done, (unsigned long long)total,
			    (unsigned long long)(done * 100 / total));
		else
			progress_show(&p->progress, "%s: %llu entries", p->what,
			    (unsigned long long)done);
	}
	return !stopped;
}

void
pace_end(struct pace *p)
{
	if (p->ticks)
		set_timer(0);
	p->ticks = false;
	progress_clear(&p->progress);
}
