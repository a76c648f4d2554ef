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

/* Most that io_recv_buf() reads at once.  A socket seldom has more. */
#define READ_SIZE 16384
/* Borrowed memory with less space than this left is not read into. */
#define BORROWED_SPACE_MIN 256
/* The pause between two calls of ppoll(2) when the kernel lacks memory. */
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

static bool
has_borrowed_space(const struct buf *b)
{
	return buf_is_borrowed(b) && buf_space(b) >= BORROWED_SPACE_MIN;
}

/* When borrowed memory is used, and when it is left, is in common/buf.h. */
ssize_t
io_recv_buf(int fd, struct buf *b, int flags)
{
	bool borrows = has_borrowed_space(b);
	size_t size = borrows ? buf_space(b) : READ_SIZE;
	uint8_t *to = buf_reserve(b, size);
	ssize_t n;

	if (to == NULL)
		return IO_FAILED;
	n = io_recv(fd, to, size, flags);
	if (n > 0)
		buf_commit(b, (size_t)n);
	if (borrows && n == (ssize_t)size)
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

/*
 * Is ppoll(2) to be called again after it failed?  It needs memory of the
 * kernel's for a moment only.  A process must not end because there was none.
 */
static bool
poll_again(void)
{
	static const struct timespec pause = { .tv_nsec = POLL_RETRY_NS };

	/* With no descriptors ppoll(2) is a sleep that needs no memory. */
	if (errno == ENOMEM || errno == EAGAIN)
		return ppoll(NULL, 0, &pause, NULL) == 0 || errno == EINTR;
	return errno == EINTR;
}

/*
 * Not poll(2): when that is stopped and goes on, the kernel makes another
 * system call of it, restart_syscall(2), which the filter of a worker would
 * have to allow as well (sandbox/sandbox_worker.c).
 */
static int
poll_for(struct pollfd *fds, size_t n, int timeout_ms)
{
	struct timespec ts = { .tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L };

	return ppoll(fds, n, timeout_ms < 0 ? NULL : &ts, NULL);
}

int
io_poll(struct pollfd *fds, size_t n, int64_t deadline_ms)
{
	int64_t now_ms;
	int ready;

	do {
		/* The clock is read only when there is a deadline. */
		now_ms = deadline_ms == CLOCK_NEVER ? 0 : clock_ms();
		ready = poll_for(fds, n, clock_timeout(deadline_ms, now_ms));
	} while (ready == -1 && poll_again());
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
