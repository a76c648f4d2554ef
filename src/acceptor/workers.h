/*
 * The workers: the processes that serve the clients.  They are forked, counted
 * and reaped here.
 */

#ifndef ACCEPTOR_WORKERS_H
#define ACCEPTOR_WORKERS_H

#include <sys/socket.h>

#include "acceptor/state.h"

/*
 * Forks the worker of a client, for which the caller has taken a slot of the
 * scoreboard.  Returns 0 and closes `fd`, or -1 with errno: then the caller
 * keeps `fd` and the slot.  In the worker, it sets is_worker and returns when
 * the worker has ended its work.
 */
int workers_start(struct acceptor *, int fd, const struct sockaddr_storage *,
    uint32_t slot);
/* Finds those that this process forked before it executed itself again, and
 * reaps those that have ended since.  Before any is started. */
void workers_init(struct acceptor *);
/* Reaps those that have ended, and reports those that a signal has killed. */
void workers_reap(struct acceptor *);
/* Kills those that have not ended in time. */
void workers_kill(struct acceptor *);

#endif
