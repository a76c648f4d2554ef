/*
 * Time, in milliseconds, on the monotonic clock.
 */

#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Now.  Not related to the time of day; never steps. */
int64_t clock_ms(void);
/* What poll(2) takes to wake at `deadline_ms`: 0 when it is past, -1 (for
 * ever) when deadline_ms is CLOCK_NEVER. */
int clock_timeout(int64_t deadline_ms, int64_t now_ms);

#define CLOCK_NEVER INT64_MAX

#endif
