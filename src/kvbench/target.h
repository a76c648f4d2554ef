/*
 * Where the server is, and connections to it.
 */

#ifndef KVBENCH_TARGET_H
#define KVBENCH_TARGET_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

struct target {
	struct sockaddr_storage addr;
	socklen_t addr_size;
	char text[320]; /* for messages */
};

/*
 * A host's name or address and a port, or the path of a Unix socket.  Both
 * return NULL, or what is wrong, in words that last.
 */
const char *target_set_host(struct target *, const char *host,
    const char *port);
const char *target_set_path(struct target *, const char *path);

/*
 * A connection, which each send(2) and recv(2) is to use with MSG_DONTWAIT;
 * or -1 with errno.  `timeout_ms` bounds the wait for it; 0: there is no wait,
 * and it is connected when it can be written to (a Unix socket's is at once).
 */
int target_connect(const struct target *, int timeout_ms);

#endif
