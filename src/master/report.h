/*
 * What init is told about the state of kvd: whether clients can connect, what
 * goes on, and that the master's loop turns.
 */

#ifndef MASTER_REPORT_H
#define MASTER_REPORT_H

#include <stdint.h>

#include "master/state.h"

/* Clients can connect for the first time. */
void report_ready(struct master *);
/* The configuration is about to be read again. */
void report_reload(struct master *);
/* kvd is about to stop. */
void report_stop(struct master *);
/*
 * Once a turn of the loop: says what has changed, and pings the watchdog.
 * Returns when to be called again.
 */
int64_t report_turn(struct master *, int64_t now_ms);

#endif
