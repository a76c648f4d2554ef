/*
 * An acceptor whose workers make a mistake: they do not read what a registry
 * that has died has answered, and ask its successor all of it again.
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

/* What is read ends, if it comes from the dead. */
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
