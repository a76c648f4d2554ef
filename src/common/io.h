/*
 * Sockets without surprises: EINTR and EAGAIN are handled here and nowhere
 * else, and no write raises SIGPIPE.
 */

#ifndef COMMON_IO_H
#define COMMON_IO_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct buf;
struct pollfd;

enum io_result {
	IO_FAILED = -1, /* errno says why */
	IO_END = 0, /* the peer will send no more */
	IO_AGAIN = -2, /* not now; from io_poll(): the deadline has passed */
};

/*
 * One recv(2) or send(2), repeated only if a signal interrupts it.  Each
 * returns the number of bytes received or sent (> 0), or an io_result.  `flags`
 * is 0, or MSG_DONTWAIT not to wait on a blocking socket.
 */
ssize_t io_recv(int fd, void *data, size_t size, int flags);
ssize_t io_send(int fd, const void *data, size_t size, int flags);

/*
 * The same, once, to the end of a buffer: as much as its borrowed memory has
 * space for (common/buf.h), or up to 16 KiB.  IO_FAILED also without memory for
 * that; then buf_failed() is true.
 */
ssize_t io_recv_buf(int fd, struct buf *, int flags);

/*
 * Waits until a descriptor is ready or the deadline (of clock_ms(), or
 * CLOCK_NEVER) has passed.  Goes on waiting while the kernel has no memory for
 * poll(2).  Returns how many are ready, IO_AGAIN or IO_FAILED.
 */
int io_poll(struct pollfd *fds, size_t n, int64_t deadline_ms);

/*
 * Limits how long one call of connect(2), send(2) or recv(2) blocks; after
 * that io_send() and io_recv() return IO_AGAIN.  Returns 0, or -1 with errno.
 */
int io_set_timeouts(int fd, int timeout_ms);

#endif
