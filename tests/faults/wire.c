/*
 * wire: see wire.h.
 */

#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "faults/wire.h"

#define READ_SIZE 65536
#define TICK_MS 20

void
wire_init(struct wire *w, const struct wire_tick *tick)
{
	*w = (struct wire){ .tick = tick, .fd = -1, .end = "" };
	buf_init(&w->in);
}

bool
wire_open(struct wire *w, const struct sockaddr_in *address)
{
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd == -1 || io_set_timeouts(w->fd, WIRE_WAIT_MS) == -1)
		err(EX_OSERR, "socket");
	if (connect(w->fd, (const void *)address, sizeof(*address)) == 0)
		return true;
	w->end = strerror(errno);
	wire_close(w);
	return false;
}

void
wire_close(struct wire *w)
{
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = -1;
	buf_clear(&w->in);
}

bool
wire_say(struct wire *w, const char *data, size_t size)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n)
		if ((n = io_send(w->fd, data, size, 0)) < 0) {
			w->end = n == IO_AGAIN ? "kvd does not read" :
						 strerror(errno);
			return false;
		}
	return true;
}

/* Waits, and reads once. */
static bool
read_some(struct wire *w, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };
	int64_t now_ms, until_ms;
	uint8_t *to;
	ssize_t n;

	do {
		w->tick->call(w->tick->arg);
		now_ms = clock_ms();
		until_ms = now_ms + TICK_MS;
		n = io_poll(&pfd, 1,
		    until_ms < deadline_ms ? until_ms : deadline_ms);
	} while (n == IO_AGAIN && now_ms < deadline_ms);
	w->end = "no reply in time";
	if ((w->is_late = n == IO_AGAIN))
		return false;
	if ((to = buf_reserve(&w->in, READ_SIZE)) == NULL)
		errx(EX_OSERR, "out of memory");
	n = io_recv(w->fd, to, READ_SIZE, 0);
	w->end = n == IO_END ? "end of file" : strerror(errno);
	if (n <= 0)
		return false;
	buf_commit(&w->in, (size_t)n);
	return true;
}

void
wire_drain(struct wire *w)
{
	int64_t deadline_ms = clock_ms() + WIRE_WAIT_MS;

	if (w->fd == -1)
		return;
	(void)shutdown(w->fd, SHUT_WR);
	while (read_some(w, deadline_ms))
		buf_truncate(&w->in, 0);
	wire_close(w);
}

const char *
wire_hear(struct wire *w, int wait_ms)
{
	int64_t deadline_ms = clock_ms() + wait_ms;
	char *line, *end = NULL;

	while (buf_size(&w->in) == 0 ||
	    (end = memchr(buf_data(&w->in), '\n', buf_size(&w->in))) == NULL)
		if (w->fd == -1 || !read_some(w, deadline_ms))
			return NULL;
	line = (char *)buf_data(&w->in);
	buf_consume(&w->in, (size_t)(end + 1 - line));
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}
