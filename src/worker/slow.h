/*
 * Commands for which the registry took long, in the log (slow-command).
 */

#ifndef WORKER_SLOW_H
#define WORKER_SLOW_H

#include <stdint.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "worker/state.h"

/* When the worker begins to wait, in microseconds.  0 if nobody wants to
 * know. */
static inline int64_t
slow_begin(const struct worker *w)
{
	return w->config->slow_command_ms == 0 ? 0 : clock_us();
}

/* Adds up, for a command that asks the registry several times. */
static inline int64_t
slow_since(int64_t begin_us)
{
	return begin_us == 0 ? 0 : clock_us() - begin_us;
}

/* The worker has waited so long for the reply to link.request.  Logs that if it
 * was too long. */
void slow_check(struct worker *, int64_t us);
/* The same for a listing of this bucket, or of all buckets, in all. */
void slow_check_listing(struct worker *, struct bytes bucket, int64_t us);

#endif
