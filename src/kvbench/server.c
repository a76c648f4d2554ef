/*
 * server: the address of the server under load.  Runs in kvbench.
 */

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/connect.h"
#include "kvbench/server.h"

/* connect(2) to a Unix socket waits while the backlog is full. */
#define UNIX_TIMEOUT_MS 10000

int
server_find(struct server *s, const struct target *target, int timeout_ms,
    char *error)
{
	struct resolve_addr addrs[RESOLVE_MAX];

	target_print(target, s->text);
	if (resolve(target, clock_ms() + timeout_ms, addrs, error) == 0)
		return -1;
	s->address = addrs[0];
	return 0;
}

static int
start_connection(const struct sockaddr *addr, socklen_t size)
{
	int fd, saved;

	fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1 || connect(fd, addr, size) == 0 || errno == EINPROGRESS)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

int
server_connect(const struct server *s, int timeout_ms)
{
	const struct sockaddr *addr = (const void *)&s->address.addr;

	if (timeout_ms == 0 && addr->sa_family != AF_UNIX)
		return start_connection(addr, s->address.size);
	return connect_within(addr, s->address.size,
	    timeout_ms == 0 ? UNIX_TIMEOUT_MS : timeout_ms);
}
