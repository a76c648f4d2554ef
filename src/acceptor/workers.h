/*
 * The processes that serve the clients: forked, counted, reaped.
 */

#ifndef ACCEPTOR_WORKERS_H
#define ACCEPTOR_WORKERS_H

#include <sys/socket.h>

#include "acceptor/state.h"

/*
 * Forks the worker of a client, whose slot in the scoreboard was taken.  In the
 * worker it returns when that is done (see worker_run).  Returns 0, or -1
 * with errno: the descriptor and the slot are still the caller's.
 */
int workers_start(struct acceptor *, int fd, const struct sockaddr_storage *,
    uint32_t slot);
/* Finds those that this process forked before it executed itself again. */
void workers_init(struct acceptor *);
/* Those that have ended. */
void workers_reap(struct acceptor *);
/* Kills who has not ended in time. */
void workers_kill(struct acceptor *);

#endif
