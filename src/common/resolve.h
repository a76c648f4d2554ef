/*
 * From a target to the addresses of its sockets, by a deadline.
 *
 * getaddrinfo(3) has no deadline, so a child process calls it, and is killed
 * if it takes too long.  A numeric address and the path of a Unix socket need
 * no child.
 */

#ifndef COMMON_RESOLVE_H
#define COMMON_RESOLVE_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "common/target.h"

/* Addresses of one name; further ones are ignored. */
#define RESOLVE_MAX 8
#define RESOLVE_ERROR_SIZE 128

struct resolve_addr {
	struct sockaddr_storage addr;
	socklen_t size; /* 0: there is no address, for the reason in `error` */
	int error; /* of getaddrinfo(3) */
};

/*
 * Fills `addrs` and returns how many there are.  0: there is none, for the
 * reason in `error` (RESOLVE_ERROR_SIZE bytes).  SIGCHLD must not be ignored.
 */
size_t resolve(const struct target *, int64_t deadline_ms,
    struct resolve_addr addrs[RESOLVE_MAX], char *error);

#endif
