/*
 * The options of a TCP socket on which kvd listens.
 */

#ifndef MASTER_TCP_OPTIONS_H
#define MASTER_TCP_OPTIONS_H

#include "common/config.h"

/* Sets what has to be set before a socket of this family is bound.  Returns 0,
 * or -1 with errno. */
int tcp_options_before_bind(int fd, int family);
/* Sets what the configuration says.  Accepted sockets inherit these options, so
 * that no client costs a system call for them.  Returns the same. */
int tcp_options_set(int fd, const struct config *);

#endif
