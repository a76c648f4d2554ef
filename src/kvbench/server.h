/*
 * The server under load: its address, and connections to it.
 */

#ifndef KVBENCH_SERVER_H
#define KVBENCH_SERVER_H

#include "common/resolve.h"
#include "common/target.h"

struct server {
	struct resolve_addr address;
	char text[TARGET_TEXT_SIZE]; /* for messages */
};

/*
 * Finds the address; of several, the first.  Returns 0, or -1 with one line
 * about it in `error` (RESOLVE_ERROR_SIZE bytes).
 */
int server_find(struct server *, const struct target *, int timeout_ms,
    char *error);

/*
 * Returns a socket, or -1 with errno.  Call send(2) and recv(2) on it with
 * MSG_DONTWAIT only.  `timeout_ms` limits the wait for the connection.  0: a
 * TCP connection is not waited for; it is made when the socket can be written
 * to.  A Unix socket is always connected.
 */
int server_connect(const struct server *, int timeout_ms);

#endif
