/*
 * connect: connect(2) with a time limit.  Runs in client programs.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/connect.h"
#include "common/io.h"

/* Waits for a connect(2) that a signal interrupted: the kernel goes on with
 * it, and it cannot be called again. */
static int
await_connection(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	switch (io_poll(&pfd, 1, clock_ms() + timeout_ms)) {
	case IO_AGAIN:
		error = ETIMEDOUT;
		break;
	case IO_FAILED:
		return -1;
	default:
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
			return -1;
	}
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
open_socket(int family)
{
	int fd, high;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	(void)close(fd);
	return high;
}

int
connect_within(const struct sockaddr *addr, socklen_t size, int timeout_ms)
{
	int fd, on = 1, saved;

	fd = open_socket(addr->sa_family);
	if (fd == -1)
		return -1;
	if (addr->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (io_set_timeouts(fd, timeout_ms) == 0 &&
	    (connect(fd, addr, size) == 0 ||
		(errno == EINTR && await_connection(fd, timeout_ms) == 0)))
		return fd;
	/* connect(2) says EINPROGRESS (TCP) or EAGAIN (Unix) when SO_SNDTIMEO
	 * has passed. */
	saved = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
	(void)close(fd);
	errno = saved;
	return -1;
}
