/*
 * A crowd: processes that are clients, many of them, while a test does
 * something to the server.  They note in shared memory what went wrong.
 */

#ifndef INTEGRATION_CROWD_H
#define INTEGRATION_CROWD_H

#include "fixture.h"

enum crowd_kind {
	CROWD_LOYAL, /* connect once, and must never be disconnected */
	CROWD_MORTAL, /* connect again when they are disconnected */
	CROWD_FICKLE, /* connect, say something, leave, connect again */
	CROWD_GUESTS, /* the same, and must be served each time */
};

struct crowd;

/* So many processes of so many clients each.  They use bucket `crowd`. */
struct crowd *crowd_start(const struct server *, enum crowd_kind, int processes,
    int clients);
/* Waits until each process has gone round so many times more. */
void crowd_await(struct crowd *, unsigned long rounds);
/* How often its clients have been disconnected. */
unsigned long crowd_cuts(const struct crowd *);
/* They leave, and nothing may have gone wrong.  Frees it. */
void crowd_end(struct crowd *);

#endif
