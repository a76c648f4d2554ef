/*
 * The requests of kvctl(8), and their replies.
 */

#ifndef MASTER_CONTROL_COMMANDS_H
#define MASTER_CONTROL_COMMANDS_H

#include <stdint.h>

#include "master/control_conn.h"
#include "master/state.h"

/* Executes a request: replies, or begins to wait with control_await(). */
void control_execute(struct master *, struct control_conn *, char *line);
/* The reply waits: ends it if what it waits for has happened, or if the
 * deadline has passed. */
void control_check(struct master *, struct control_conn *, int64_t now_ms);
/* When to look again, even if the master has no other event; or CLOCK_NEVER. */
int64_t control_next_check(const struct control_conn *, int64_t now_ms);

#endif
