/*
 * activity: adds up what workers have counted.  Runs in the master and the
 * acceptors, which trust no number, but may add it.
 */

#include "common/activity.h"

static void
add_command(const struct activity_command *c, size_t n, uint64_t *totals)
{
	uint64_t *times = totals + COUNTER_COMMAND_TIME - COUNTER_WORKERS +
	    n * COUNTERS_HISTOGRAM;
	size_t i;

	totals[COUNTER_ERRORS - COUNTER_WORKERS + n] += c->errors;
	for (i = 0; i < COUNTERS_HISTOGRAM; i++)
		times[i] += c->times[i];
}

void
activity_add(const struct activity *a, uint64_t *totals)
{
	size_t n;

	totals[COUNTER_RECEIVED - COUNTER_WORKERS] += a->received;
	totals[COUNTER_SENT - COUNTER_WORKERS] += a->sent;
	totals[COUNTER_LOCAL_HITS - COUNTER_WORKERS] += a->local_hits;
	for (n = 0; n < COUNTERS_COMMANDS; n++)
		if (a->used & UINT64_C(1) << n)
			add_command(&a->commands_of[n], n, totals);
}
