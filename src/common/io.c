/*
 * io: recv, send and poll with EINTR and EAGAIN taken care of.
 */

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/io.h"

/* More than one read seldom brings more. */
#define READ_SIZE 16384
/* With less room than this, lent memory is not enough any more. */
#define BORROWED_MIN 256
/* Between two calls of poll(2) when memory is short. */
#define POLL_RETRY_NS 10000000

static ssize_t
io_result(ssize_t n)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return IO_AGAIN;
	return IO_FAILED;
}

ssize_t
io_recv(int fd, void *data, size_t size, int flags)
{
	ssize_t n;

	do
		n = recv(fd, data, size, flags);
	while (n == -1 && errno == EINTR);
	return io_result(n);
}

ssize_t
io_recv_buf(int fd, struct buf *b, int flags)
{
	size_t size = b->borrowed ? b->cap - b->end : 0;
	uint8_t *to;
	ssize_t n;

	if (size < BORROWED_MIN)
		size = READ_SIZE;
	if ((to = buf_reserve(b, size)) == NULL)
		return IO_FAILED;
	n = io_recv(fd, to, size, flags);
	if (n > 0)
		buf_commit(b, (size_t)n);
	/* Who has filled it once may have as much to say again. */
	if (b->borrowed && n == (ssize_t)size)
		(void)buf_reserve(b, READ_SIZE);
	return n;
}

ssize_t
io_send(int fd, const void *data, size_t size, int flags)
{
	ssize_t n;

	do
		n = send(fd, data, size, flags | MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return io_result(n);
}

/* Is poll(2) to be called again?  Its memory is the kernel's, and a moment's:
 * a process that cannot wait for its work must not end for that. */
static bool
try_again(void)
{
	static const struct timespec pause = { .tv_nsec = POLL_RETRY_NS };

	if (errno == ENOMEM || errno == EAGAIN)
		return nanosleep(&pause, NULL) == 0 || errno == EINTR;
	return errno == EINTR;
}

int
io_poll(struct pollfd *fds, size_t n, int64_t deadline_ms)
{
	int64_t now_ms;
	int ready;

	do {
		/* The clock is read only when there is a deadline. */
		now_ms = deadline_ms == CLOCK_NEVER ? 0 : clock_ms();
		ready = poll(fds, n, clock_timeout(deadline_ms, now_ms));
	} while (ready == -1 && try_again());
	if (ready == 0)
		return IO_AGAIN;
	return ready == -1 ? IO_FAILED : ready;
}

int
io_set_timeouts(int fd, int timeout_ms)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}
