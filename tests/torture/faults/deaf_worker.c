/*
 * An acceptor whose workers have a fault: they do not read the last replies
 * of a registry that has died, and repeat requests that were answered.
 */

#include <sys/socket.h>

#include <poll.h>

#include "common/buf.h"
#include "common/io.h"

ssize_t __real_io_recv_buf(int, struct buf *, int);
ssize_t __wrap_io_recv_buf(int, struct buf *, int);

static int
is_registry(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	return getpeername(fd, (struct sockaddr *)&address, &size) == 0 &&
	    address.ss_family == AF_UNIX;
}

/* Discards what comes from a registry that has closed the connection. */
ssize_t
__wrap_io_recv_buf(int fd, struct buf *b, int flags)
{
	struct pollfd pfd = { .fd = fd, .events = POLLRDHUP };
	ssize_t n;

	n = __real_io_recv_buf(fd, b, flags);
	if (n <= 0 || !is_registry(fd) || poll(&pfd, 1, 0) != 1 ||
	    !(pfd.revents & (POLLHUP | POLLRDHUP)))
		return n;
	buf_truncate(b, buf_size(b) - (size_t)n);
	return IO_END;
}
