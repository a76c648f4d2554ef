/*
 * Accepts clients, and refuses those above the limits.
 */

#ifndef ACCEPTOR_ACCEPT_H
#define ACCEPTOR_ACCEPT_H

#include "acceptor/state.h"

/* Reserves a descriptor, with which to refuse a client when there is no other. */
void accept_init(struct acceptor *);
/*
 * Accepts some of the clients that wait on a listening socket.  When there are
 * not enough descriptors, processes or memory, sets accept_at_ms: nobody is
 * accepted until accept_resume() is called at that time.
 */
void accept_clients(struct acceptor *, int listen_fd);
void accept_resume(struct acceptor *);

#endif
