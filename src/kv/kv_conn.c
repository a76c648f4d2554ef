/*
 * conn: a connection to the server.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/kv_conn.h"
#include "kv/resolve.h"
#include "proto/format.h"

/* The first is enough for one reply; a stream asks for more at a time. */
#define CHUNK_MIN 4096
#define CHUNK_MAX ((size_t)64 << 10)

void
kv_conn_init(struct kv_conn *c, int timeout_ms)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->timeout_ms = timeout_ms;
	c->chunk = CHUNK_MIN;
	buf_init(&c->out);
	reply_init(&c->in, KV_CONN_LINE_MAX);
}

void
kv_conn_clear(struct kv_conn *c)
{
	kv_conn_close(c);
	buf_clear(&c->out);
	reply_clear(&c->in);
}

void
kv_conn_close(struct kv_conn *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	c->chunk = CHUNK_MIN;
	c->ended = c->cut = false;
	buf_clear(&c->out);
	reply_reset(&c->in);
}

__attribute__((format(printf, 2, 3))) static enum kv_conn_result
lost(struct kv_conn *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return KV_CONN_LOST;
}

enum kv_conn_result
kv_conn_timed_out(struct kv_conn *c)
{
	return lost(c, "no answer within %g seconds", c->timeout_ms / 1000.0);
}

enum kv_conn_result
kv_conn_give_up(struct kv_conn *c, const char *why)
{
	return lost(c, "%s", why);
}

/* A connect(2) that a signal has interrupted goes on by itself. */
static int
connect_wait(int fd, int timeout_ms)
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

/* Not in the place of a standard stream that is closed. */
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

/* A socket whose every call is bounded, connect(2) included. */
static int
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
		(errno == EINTR && connect_wait(fd, timeout_ms) == 0)))
		return fd;
	/* What a connect(2) says whose time is up. */
	saved = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static bool
open_unix(struct kv_conn *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, path, strlen(path) + 1);
	c->fd = connect_within((struct sockaddr *)&addr, sizeof(addr),
	    c->timeout_ms);
	return c->fd != -1 || lost(c, "%s", strerror(errno)) != KV_CONN_LOST;
}

/* Time that is left, shared by the addresses that are left. */
static int
share_ms(int64_t deadline_ms, size_t n)
{
	int64_t left_ms = (deadline_ms - clock_ms()) / (int64_t)n;

	return left_ms < 1 ? 1 : (int)left_ms;
}

static bool
open_tcp(struct kv_conn *c, const char *host, const char *port)
{
	int64_t deadline_ms = clock_ms() + c->timeout_ms;
	struct resolve_addr addrs[RESOLVE_MAX];
	size_t n, i;
	int share;

	n = resolve(host, port, deadline_ms, addrs, c->error);
	for (i = 0; i < n; i++) {
		share = n == 1 ? c->timeout_ms : share_ms(deadline_ms, n - i);
		c->fd = connect_within((struct sockaddr *)&addrs[i].addr,
		    addrs[i].size, share);
		if (c->fd == -1) {
			(void)lost(c, "%s", strerror(errno));
			continue;
		}
		if (share == c->timeout_ms ||
		    io_set_timeouts(c->fd, c->timeout_ms) == 0)
			return true;
		(void)lost(c, "%s", strerror(errno));
		kv_conn_close(c);
	}
	return false;
}

bool
kv_conn_open(struct kv_conn *c, const struct target *target)
{
	kv_conn_close(c);
	if (target->path != NULL)
		return open_unix(c, target->path);
	return open_tcp(c, target->host, target->port);
}

void
kv_conn_request(struct kv_conn *c, const struct bytes *words, size_t n)
{
	format_line(&c->out, words, n);
}

/* What a send has come to: false when the connection is of no use. */
static bool
sent(struct kv_conn *c, ssize_t n)
{
	if (n >= 0) {
		buf_consume(&c->out, (size_t)n);
		return true;
	}
	if (n == IO_FAILED && (errno == EPIPE || errno == ECONNRESET)) {
		buf_consume(&c->out, buf_size(&c->out));
		c->cut = true;
		return true;
	}
	return lost(c, "%s", strerror(errno)) != KV_CONN_LOST;
}

static bool
have_memory(struct kv_conn *c)
{
	return !buf_failed(&c->out) ||
	    lost(c, "%s", strerror(ENOMEM)) != KV_CONN_LOST;
}

bool
kv_conn_flush(struct kv_conn *c)
{
	ssize_t n;

	if (!have_memory(c))
		return false;
	while (buf_size(&c->out) > 0) {
		n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out), 0);
		if (n == IO_AGAIN)
			return kv_conn_timed_out(c) != KV_CONN_LOST;
		if (!sent(c, n))
			return false;
	}
	return true;
}

enum kv_conn_result
kv_conn_send_some(struct kv_conn *c)
{
	ssize_t n;

	if (!have_memory(c))
		return KV_CONN_LOST;
	if (buf_size(&c->out) == 0)
		return KV_CONN_AGAIN;
	n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out), MSG_DONTWAIT);
	return n == IO_AGAIN || sent(c, n) ? KV_CONN_AGAIN : KV_CONN_LOST;
}

void
kv_conn_half_close(struct kv_conn *c)
{
	/* One that is not connected any more needs no end. */
	(void)shutdown(c->fd, SHUT_WR);
}

static enum kv_conn_result
receive(struct kv_conn *c, int flags)
{
	uint8_t *to;
	ssize_t n;

	to = reply_reserve(&c->in, c->chunk);
	if (to == NULL)
		return lost(c, "%s", strerror(ENOMEM));
	n = io_recv(c->fd, to, c->chunk, flags);
	switch (n) {
	case IO_AGAIN:
		return flags != 0 ? KV_CONN_AGAIN : kv_conn_timed_out(c);
	case IO_FAILED:
		return lost(c, "%s", strerror(errno));
	case IO_END:
		c->ended = true;
		return lost(c, "the server closed the connection");
	default:
		reply_commit(&c->in, (size_t)n);
		if ((size_t)n == c->chunk && c->chunk < CHUNK_MAX)
			c->chunk *= 2;
		return KV_CONN_AGAIN;
	}
}

enum kv_conn_result
kv_conn_receive_some(struct kv_conn *c)
{
	return receive(c, MSG_DONTWAIT);
}

enum kv_conn_result
kv_conn_take(struct kv_conn *c, struct reply_line *line)
{
	switch (reply_next(&c->in, line)) {
	case REPLY_DATA:
		return KV_CONN_DATA;
	case REPLY_STATUS:
		return KV_CONN_STATUS;
	case REPLY_AGAIN:
		return KV_CONN_AGAIN;
	case REPLY_MALFORMED:
		return lost(c, "what the server says is not the protocol");
	case REPLY_NO_MEMORY:
		break;
	}
	return lost(c, "%s", strerror(ENOMEM));
}

enum kv_conn_result
kv_conn_next(struct kv_conn *c, struct reply_line *line)
{
	enum kv_conn_result result;

	for (;;) {
		result = kv_conn_take(c, line);
		if (result == KV_CONN_AGAIN)
			result = receive(c, 0);
		if (result != KV_CONN_AGAIN)
			return result;
	}
}
