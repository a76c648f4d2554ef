/*
 * crowd: many clients, in processes of their own, that use the server while a
 * test does something to it.  What goes wrong they record in shared memory.
 */

#ifndef INTEGRATION_CROWD_H
#define INTEGRATION_CROWD_H

#include "fixture.h"

enum crowd_kind {
	CROWD_LOYAL, /* connect once; it is wrong to disconnect them */
	CROWD_MORTAL, /* connect again when they are disconnected */
	CROWD_FICKLE, /* connect, ask, leave, and connect again */
	CROWD_GUESTS, /* the same; it is wrong to refuse them */
};

struct crowd;

/*
 * Starts so many processes of so many clients each.  They use the bucket
 * `crowd'.
 */
struct crowd *crowd_start(const struct server *, enum crowd_kind, int processes,
    int clients);
/* Waits until each process has done so many more rounds. */
void crowd_await(struct crowd *, unsigned long rounds);
/* The number of times that clients were disconnected. */
unsigned long crowd_cuts(const struct crowd *);
/* Ends the clients, and frees the crowd.  Nothing went wrong with them. */
void crowd_end(struct crowd *);

#endif
