/*
 * Where the server is, and connections to it.
 */

#ifndef KVBENCH_SERVER_H
#define KVBENCH_SERVER_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

struct server {
	struct sockaddr_storage addr;
	socklen_t addr_size;
	char text[320]; /* for messages */
};

/*
 * A host's name or address and a port, or the path of a Unix socket.  Both
 * return NULL, or what is wrong, in words that last.
 */
const char *server_set_host(struct server *, const char *host,
    const char *port);
const char *server_set_path(struct server *, const char *path);

/*
 * A connection, which each send(2) and recv(2) is to use with MSG_DONTWAIT;
 * or -1 with errno.  `timeout_ms` bounds the wait for it; 0: there is no wait,
 * and it is connected when it can be written to (a Unix socket's is at once).
 */
int server_connect(const struct server *, int timeout_ms);

#endif
