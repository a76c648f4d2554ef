/*
 * Time, in milliseconds: on the monotonic clock, and of the day.
 */

#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Can all clocks be read?  A kernel without one of them, or a filter of system
 * calls, may not allow that.  Returns 0, or -1 with errno.  To be asked once:
 * what follows does not fail if this has not. */
int clock_check(void);

/* The time now, on a clock that is not related to the time of day and that
 * nobody can set. */
int64_t clock_ms(void);
/* The same, in microseconds. */
int64_t clock_us(void);
/* The timeout with which poll(2) waits until `deadline_ms`: 0 when that has
 * passed, and -1 (no timeout) for CLOCK_NEVER. */
int clock_timeout(int64_t deadline_ms, int64_t now_ms);

#define CLOCK_NEVER INT64_MAX

/*
 * The time since 1970 on a clock that nobody can set.  clock_wall_base() reads
 * the time of day and returns it as that of the last boot.  clock_wall_ms()
 * adds the time since that boot, suspended or not.  A base is valid in all
 * processes until the next boot.
 */
int64_t clock_wall_base(void);
int64_t clock_wall_ms(int64_t base_ms);

#endif
