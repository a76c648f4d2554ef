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
	IO_AGAIN = -2, /* nothing now; from io_poll: the deadline passed */
};

/*
 * At most one recv(2) or send(2).  Return the bytes moved (> 0) or an
 * io_result.  `flags` is 0, or MSG_DONTWAIT on a blocking socket.
 */
ssize_t io_recv(int fd, void *data, size_t size, int flags);
ssize_t io_send(int fd, const void *data, size_t size, int flags);

/*
 * As io_recv, to the end of the buffer.  One that is lent (buf_init_with) is
 * used as it is until a read has filled it, or nearly; then there is room for
 * more.  No memory is IO_FAILED.
 */
ssize_t io_recv_buf(int fd, struct buf *, int flags);

/*
 * Waits until a descriptor is ready or the deadline (clock_ms, or
 * CLOCK_NEVER) passes, and goes on waiting while the kernel has no memory for
 * it.  Returns the number ready, IO_AGAIN or IO_FAILED.
 */
int io_poll(struct pollfd *fds, size_t n, int64_t deadline_ms);

/* A limit for one blocking connect(2), send(2) or recv(2), after which
 * io_send and io_recv say IO_AGAIN.  Returns 0, or -1 with errno. */
int io_set_timeouts(int fd, int timeout_ms);

#endif
