/*
 * Tells init whether clients can connect, what kvd is doing, and that the
 * master is responsive.
 */

#ifndef MASTER_REPORT_H
#define MASTER_REPORT_H

#include <stdint.h>

#include "master/state.h"

/* Describes the state in a line for people. */
const char *report_describe(const struct master *);
/* Clients can connect for the first time. */
void report_ready(struct master *);
/* The configuration is about to be read again. */
void report_reload(struct master *);
/* kvd is about to stop. */
void report_stop(struct master *);
/*
 * To be called in each turn of the master's loop: tells what has changed, and
 * pings the watchdog.  Returns when to call it again.
 */
int64_t report_turn(struct master *, int64_t now_ms);

/* Shows the state in the title (ps(1)). */
void report_title(const struct master *);

#endif
