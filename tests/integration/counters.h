/*
 * counters: what a kvd has counted, read from the memory that its master has.
 */

#ifndef INTEGRATION_COUNTERS_H
#define INTEGRATION_COUNTERS_H

#include <stdint.h>

#include "common/counters.h"
#include "common/scoreboard.h"

struct server;

/* The master's scoreboard.  Its descriptor stays open until the test ends. */
struct scoreboard *counters_open(const struct server *);
/* The sum of a number, or of `n` of them, now. */
uint64_t counters_get(struct scoreboard *, size_t first, size_t n);
/* Waits until a number is at least this one, and expects it to be equal. */
void counters_await(struct scoreboard *, size_t counter, uint64_t want);
/* The number of the command of this name. */
size_t counters_command(const char *name);
/* Waits until this command has been executed so often: a worker writes a reply
 * before it counts it. */
void counters_await_calls(struct scoreboard *, const char *name, uint64_t want);
/* How often this command was executed, and answered with an error. */
uint64_t counters_calls(struct scoreboard *, const char *name);
uint64_t counters_errors(struct scoreboard *, const char *name);
/* clients-accepted is clients-connected and clients-closed.  Returns it. */
uint64_t counters_expect_balance(struct scoreboard *);

#endif
