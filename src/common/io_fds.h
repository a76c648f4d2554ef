/*
 * Descriptors that are passed to another process, with a packet over a Unix
 * socket (unix(7), SCM_RIGHTS).  EINTR and EAGAIN are handled as in
 * common/io.h.
 */

#ifndef COMMON_IO_FDS_H
#define COMMON_IO_FDS_H

#include <sys/types.h>

#include <stddef.h>

#define IO_FDS_MAX 3

/* Sends a packet, and `n` descriptors, which stay open here.  Does not wait.
 * Returns like io_send(). */
ssize_t io_send_fds(int fd, const void *data, size_t size, const int *fds,
    size_t n);
/* Receives a packet, and as many descriptors (close-on-exec) as there are with
 * it; *n becomes their number.  Does not wait.  Returns like io_recv(). */
ssize_t io_recv_fds(int fd, void *data, size_t size, int fds[IO_FDS_MAX],
    size_t *n);

#endif
