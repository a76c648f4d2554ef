/*
 * policy: restart intensity and back-off.  Runs in the master.
 */

#include "master/policy.h"

/* Long before any clock_ms(). */
#define LONG_AGO (-POLICY_PERIOD_MS - 1)

void
policy_init(struct policy *p)
{
	unsigned int i;

	for (i = 0; i < POLICY_RESTARTS; i++)
		p->restarts_ms[i] = LONG_AGO;
	p->next = 0;
	p->backoff_ms = 0;
}

int64_t
policy_restart_delay(struct policy *p, int64_t started_ms, int64_t now_ms)
{
	int64_t oldest_ms = p->restarts_ms[p->next];

	if (now_ms - started_ms >= POLICY_HEALTHY_MS)
		policy_init(p);
	if (p->backoff_ms == 0 && now_ms - oldest_ms > POLICY_PERIOD_MS) {
		p->restarts_ms[p->next] = now_ms;
		p->next = (p->next + 1) % POLICY_RESTARTS;
		return 0;
	}
	if (p->backoff_ms == 0)
		p->backoff_ms = POLICY_BACKOFF_MIN_MS;
	else
		p->backoff_ms *= 2;
	if (p->backoff_ms > POLICY_BACKOFF_MAX_MS)
		p->backoff_ms = POLICY_BACKOFF_MAX_MS;
	return p->backoff_ms;
}
