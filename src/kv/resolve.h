/*
 * From a host's name to its addresses, by a deadline: getaddrinfo(3) has
 * none, so a child asks it and is killed when it takes too long.  A numeric
 * address costs no child.
 */

#ifndef KV_RESOLVE_H
#define KV_RESOLVE_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As many as are tried. */
#define RESOLVE_MAX 8
#define RESOLVE_ERROR_SIZE 128

struct resolve_addr {
	struct sockaddr_storage addr;
	socklen_t size; /* 0: no address, but what follows */
	int error; /* of getaddrinfo(3) */
};

/*
 * Fills `addrs` and returns how many there are; 0: none, and why in `error`
 * (RESOLVE_ERROR_SIZE bytes).
 */
size_t resolve(const char *host, const char *port, int64_t deadline_ms,
    struct resolve_addr addrs[RESOLVE_MAX], char *error);

#endif
