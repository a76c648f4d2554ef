/*
 * io_fds: passes descriptors.  Runs in the master and its children, which trust
 * each other.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "common/io.h"
#include "common/io_fds.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
};

static ssize_t
result_of(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_FAILED;
}

ssize_t
io_send_fds(int fd, const void *data, size_t size, const int *fds, size_t n)
{
	struct iovec iov = { .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t sent;

	if (n == 0)
		return io_send(fd, data, size, MSG_DONTWAIT);
	/* sendmsg(2) does not write through the pointer. */
	memcpy(&iov.iov_base, &data, sizeof(data));
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(n * sizeof(*fds));
	memcpy(CMSG_DATA(&control.header), fds, n * sizeof(*fds));
	msg.msg_control = &control;
	msg.msg_controllen = CMSG_SPACE(n * sizeof(*fds));
	do
		sent = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return result_of(sent);
}

ssize_t
io_recv_fds(int fd, void *data, size_t size, int fds[IO_FDS_MAX], size_t *n)
{
	struct iovec iov = { data, size };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	const struct cmsghdr *header;
	ssize_t received;

	*n = 0;
	do
		received = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (received == -1 && errno == EINTR);
	header = received == -1 ? NULL : CMSG_FIRSTHDR(&msg);
	if (header != NULL && header->cmsg_level == SOL_SOCKET &&
	    header->cmsg_type == SCM_RIGHTS) {
		*n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(*fds);
		memcpy(fds, CMSG_DATA(header), *n * sizeof(*fds));
	}
	return result_of(received);
}
