/*
 * link: the worker's side of the messages.  Runs in the worker; the peer is
 * the registry, which it trusts.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "worker/link.h"

/* In the working directory, to which a worker may be chrooted. */
#define REGISTRY_SOCKET "registry.sock"
#define READ_SIZE 16384
/* The socket is the master's: connecting fails only while kvd stops. */
#define RETRY_MS 20

int
link_init(struct link *l, int lifeline_fd, int timeout_ms)
{
	memset(l, 0, sizeof(*l));
	l->fd = -1;
	l->lifeline_fd = lifeline_fd;
	l->timeout_ms = timeout_ms;
	l->sequence = 1;
	/* Straight from the kernel: in a new process arc4random(3) would first
	 * set itself up. */
	return getentropy(&l->session, sizeof(l->session));
}

static void
link_close(struct link *l)
{
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = -1;
	l->sent = 0;
	buf_truncate(&l->in, 0);
}

void
link_clear(struct link *l)
{
	link_close(l);
	buf_clear(&l->pending);
	buf_clear(&l->in);
}

/* The greeting, and all that is to be repeated, in one piece. */
static int
send_hello(struct link *l)
{
	struct buf b;
	size_t position, hello_size;
	ssize_t n = -1;

	buf_init(&b);
	position = message_begin(&b, MESSAGE_HELLO, 0);
	message_put_u16(&b, MESSAGE_VERSION);
	message_put_u64(&b, l->session);
	message_end(&b, position);
	hello_size = buf_size(&b);
	buf_append(&b, buf_data(&l->pending), buf_size(&l->pending));
	if (!buf_failed(&b))
		n = io_send(l->fd, buf_data(&b), buf_size(&b), MSG_DONTWAIT);
	buf_clear(&b);
	if (n < (ssize_t)hello_size)
		return -1;
	l->sent = (size_t)n - hello_size;
	return 0;
}

static int
try_connect(struct link *l)
{
	static const struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = REGISTRY_SOCKET };

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd == -1)
		return -1;
	if (io_set_timeouts(l->fd, l->timeout_ms) == 0 &&
	    connect(l->fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    send_hello(l) == 0)
		return 0;
	link_close(l);
	return -1;
}

/* Connects, and tries again until the deadline or the master's end. */
static int
link_connect(struct link *l, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = l->lifeline_fd };
	int64_t retry_ms;

	while (try_connect(l) == -1) {
		retry_ms = clock_ms() + RETRY_MS;
		if (retry_ms > deadline_ms ||
		    io_poll(&pfd, 1, retry_ms) != IO_AGAIN)
			return -1;
	}
	return 0;
}

/* Reads what has come; waits for it unless `flags` is MSG_DONTWAIT. */
static ssize_t
link_read(struct link *l, int flags)
{
	uint8_t *to;
	ssize_t n;

	if ((to = buf_reserve(&l->in, READ_SIZE)) == NULL)
		return IO_FAILED;
	n = io_recv(l->fd, to, READ_SIZE, flags);
	if (n > 0)
		buf_commit(&l->in, (size_t)n);
	return n;
}

/*
 * Sends what is not yet sent.  While the registry takes no more it may be
 * waiting for its replies to be read: they are.
 */
static ssize_t
link_write(struct link *l, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN | POLLOUT };
	ssize_t n;

	while (l->sent < buf_size(&l->pending)) {
		n = io_send(l->fd, buf_data(&l->pending) + l->sent,
		    buf_size(&l->pending) - l->sent, MSG_DONTWAIT);
		if (n > 0) {
			l->sent += (size_t)n;
			continue;
		}
		if (n != IO_AGAIN)
			return n;
		if ((n = io_poll(&pfd, 1, deadline_ms)) < 0)
			return n;
		if (pfd.revents & POLLIN)
			return link_read(l, MSG_DONTWAIT);
	}
	return link_read(l, 0);
}

static int
take_reply(struct link *l, struct message *m)
{
	struct message request;

	if (message_get(buf_data(&l->pending), buf_size(&l->pending), SIZE_MAX,
		&request) != 1 ||
	    m->type != MESSAGE_REPLY || m->sequence != request.sequence) {
		errno = EPROTO;
		return -1;
	}
	buf_consume(&l->pending, request.frame_size);
	l->sent -= request.frame_size;
	/* Its bytes stay where they are until the next read. */
	buf_consume(&l->in, m->frame_size);
	return 1;
}

int
link_next(struct link *l, struct message *m)
{
	int64_t deadline_ms = CLOCK_NEVER;
	ssize_t n;
	int rc;

	if (buf_size(&l->pending) == 0)
		return 0;
	for (;;) {
		rc = message_get(buf_data(&l->in), buf_size(&l->in), SIZE_MAX,
		    m);
		if (rc == 1)
			return take_reply(l, m);
		if (deadline_ms == CLOCK_NEVER)
			deadline_ms = clock_ms() + l->timeout_ms;
		if (rc == -1 || buf_failed(&l->pending) ||
		    clock_ms() > deadline_ms ||
		    (l->fd == -1 && link_connect(l, deadline_ms) == -1))
			break;
		n = link_write(l, deadline_ms);
		if (n == IO_AGAIN)
			break;
		/* A dead registry's last replies have been read before. */
		if (n <= 0)
			link_close(l);
	}
	link_close(l);
	return -1;
}

int
link_drop(struct link *l)
{
	struct message request;

	if (message_get(buf_data(&l->pending), buf_size(&l->pending), SIZE_MAX,
		&request) != 1)
		return 0;
	buf_consume(&l->pending, request.frame_size);
	return 1;
}
