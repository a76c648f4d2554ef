/*
 * Time, in milliseconds: on the monotonic clock, and of the day.
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

/*
 * The time since 1970 by a clock that never steps: what the clock of the day
 * said once, and the time that has passed since, suspended or not.  The base
 * holds for all processes until the machine is started anew.
 */
int64_t clock_wall_base(void);
int64_t clock_wall_ms(int64_t base_ms);

#endif
