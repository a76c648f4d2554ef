/*
 * target: addresses and connections.  Runs in kvbench.
 */

#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "kvbench/server.h"

/* connect(2) to a Unix socket waits while the backlog is full. */
#define UNIX_TIMEOUT_MS 10000

const char *
server_set_host(struct server *t, const char *host, const char *port)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *found;
	int rc;

	memset(t, 0, sizeof(*t));
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return gai_strerror(rc);
	memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
	t->addr_size = found->ai_addrlen;
	freeaddrinfo(found);
	snprintf(t->text, sizeof(t->text),
	    strchr(host, ':') == NULL ? "%.255s:%.8s" : "[%.255s]:%.8s", host,
	    port);
	return NULL;
}

const char *
server_set_path(struct server *t, const char *path)
{
	struct sockaddr_un *sun = (void *)&t->addr;

	memset(t, 0, sizeof(*t));
	sun->sun_family = AF_UNIX;
	if (path[0] == '\0' || strlen(path) >= sizeof(sun->sun_path))
		return "no path of a socket";
	(void)strlcpy(sun->sun_path, path, sizeof(sun->sun_path));
	t->addr_size = sizeof(*sun);
	snprintf(t->text, sizeof(t->text), "unix:%s", path);
	return NULL;
}

/* Set on a socket that connects without waiting only once it is connected. */
static bool
set_up(const struct server *t, int fd, int timeout_ms)
{
	int on = 1;

	if (t->addr.ss_family == AF_UNIX)
		return io_set_timeouts(fd,
			   timeout_ms == 0 ? UNIX_TIMEOUT_MS : timeout_ms) == 0;
	return timeout_ms == 0 ||
	    (io_set_timeouts(fd, timeout_ms) == 0 &&
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
}

int
server_connect(const struct server *t, int timeout_ms)
{
	int fd, type = SOCK_STREAM | SOCK_CLOEXEC;

	if (timeout_ms == 0 && t->addr.ss_family != AF_UNIX)
		type |= SOCK_NONBLOCK;
	if ((fd = socket(t->addr.ss_family, type, 0)) == -1)
		return -1;
	if (set_up(t, fd, timeout_ms) &&
	    (connect(fd, (const struct sockaddr *)&t->addr, t->addr_size) ==
		    0 ||
		(errno == EINPROGRESS && timeout_ms == 0)))
		return fd;
	/* What SO_SNDTIMEO makes of a time that has run out. */
	if (errno == EINPROGRESS || errno == EAGAIN)
		errno = ETIMEDOUT;
	timeout_ms = errno;
	(void)close(fd);
	errno = timeout_ms;
	return -1;
}
