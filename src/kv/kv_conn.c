/*
 * kv_conn: a connection to the server.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/connect.h"
#include "common/io.h"
#include "common/resolve.h"
#include "kv/kv_conn.h"
#include "proto/format.h"

/* Enough for one short reply.  While more comes, the chunk grows. */
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

/* The share of each of the n addresses that are left in the time that is
 * left. */
static int
share_ms(int64_t deadline_ms, size_t n)
{
	int64_t left_ms = (deadline_ms - clock_ms()) / (int64_t)n;

	return left_ms < 1 ? 1 : (int)left_ms;
}

bool
kv_conn_open(struct kv_conn *c, const struct target *target)
{
	int64_t deadline_ms = clock_ms() + c->timeout_ms;
	struct resolve_addr addrs[RESOLVE_MAX];
	size_t n, i;
	int share;

	kv_conn_close(c);
	n = resolve(target, deadline_ms, addrs, c->error);
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

void
kv_conn_request(struct kv_conn *c, const struct bytes *words, size_t n)
{
	format_line(&c->out, words, n);
}

/* Takes the result of a send.  Returns false if the connection failed. */
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
	/* If this fails, the connection has ended already. */
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
		return lost(c, "the server does not speak the protocol of kvd");
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
