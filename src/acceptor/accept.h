/*
 * Accepting clients, and refusing those that are too many.
 */

#ifndef ACCEPTOR_ACCEPT_H
#define ACCEPTOR_ACCEPT_H

#include "acceptor/state.h"

/* Keeps a descriptor for when there is no other. */
void accept_init(struct acceptor *);
/* Accepts who waits, some at a time.  Pauses when something is short. */
void accept_clients(struct acceptor *, int listen_fd);
/* The pause is over. */
void accept_resume(struct acceptor *);

#endif
