/*
 * The connections of kvctl(8) to the master.  The master never waits for them:
 * they are non-blocking, few, and each has a deadline; a reply is made as far as
 * its reader takes it.
 */

#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include <stdint.h>

#include "master/control_conn.h"
#include "master/state.h"

struct pollfd;

/* The most descriptors to be polled: the listening socket, the connections. */
#define CONTROL_POLLFDS (1 + CONTROL_CONNS)

/* Returns 0, or -1 when there is no memory. */
int control_init(struct master *);
void control_clear(struct master *);

/* In each turn of the master's loop: answers what can be answered by now, and
 * closes what is over.  Returns when to call it again. */
int64_t control_run(struct master *, int64_t now_ms);
/* Fills in the descriptors to be polled and returns their number; then handles
 * what poll(2) says about them. */
size_t control_watch(struct master *, struct pollfd *);
void control_handle(struct master *, const struct pollfd *);

#endif
