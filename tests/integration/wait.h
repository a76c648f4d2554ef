/*
 * wait: how a test waits.  It looks at a condition again and again, with a
 * short pause between, until the condition holds or a deadline has passed.
 */

#ifndef INTEGRATION_WAIT_H
#define INTEGRATION_WAIT_H

#include <stdint.h>

/* Far longer than anything takes, with sanitizers and on a busy machine. */
#define WAIT_MS 30000

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);
/* Pauses shortly.  Fails the test, with this text, after the deadline. */
void pause_until(int64_t deadline_ms, const char *what);
void pause_ms(int64_t ms);

#endif
