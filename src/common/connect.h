/*
 * Connections that a client makes, with a limit for each wait.
 */

#ifndef COMMON_CONNECT_H
#define COMMON_CONNECT_H

#include <sys/socket.h>

/*
 * Returns a connected socket, or -1 with errno.  The limit holds for the
 * connection, and then for each send and receive (io_set_timeouts); ETIMEDOUT
 * says that it has passed.  The descriptor is above 2, so that it cannot take
 * the place of a standard stream that is closed.
 */
int connect_within(const struct sockaddr *, socklen_t, int timeout_ms);

#endif
