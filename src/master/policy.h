/*
 * When to restart a child that has died: pure code, with the clock passed
 * in.  At once, as OTP's supervisor does, while it dies no more often than
 * the intensity allows; past it with an exponential back-off.
 */

#ifndef MASTER_POLICY_H
#define MASTER_POLICY_H

#include <stdint.h>

/* More than this many restarts in this time are too many. */
#define POLICY_RESTARTS 3
#define POLICY_PERIOD_MS 5000
/* The back-off doubles between these, and is forgotten after so long a life. */
#define POLICY_BACKOFF_MIN_MS 100
#define POLICY_BACKOFF_MAX_MS 30000
#define POLICY_HEALTHY_MS 60000

struct policy {
	int64_t restarts_ms[POLICY_RESTARTS]; /* when; the oldest is next */
	unsigned int next;
	int64_t backoff_ms; /* 0: not throttled */
};

void policy_init(struct policy *);
/*
 * A child that was started at `started_ms` has died at `now_ms`.  Returns
 * how many milliseconds to wait before it is started again.
 */
int64_t policy_restart_delay(struct policy *, int64_t started_ms,
    int64_t now_ms);

#endif
