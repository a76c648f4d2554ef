/*
 * conn: see conn.h.
 */

#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "stress/conn.h"

#define READ_SIZE 65536

void
conn_init(struct conn *c, unsigned int number, unsigned int cells)
{
	memset(c, 0, sizeof(*c));
	c->number = number;
	c->fd = -1;
	c->waiting_ms = CLOCK_NEVER;
	buf_init(&c->in);
	buf_init(&c->out);
	if ((c->seen = calloc(cells, sizeof(*c->seen))) == NULL)
		err(EX_OSERR, NULL);
}

void
conn_clear(struct conn *c)
{
	conn_close(c);
	buf_clear(&c->in);
	buf_clear(&c->out);
	free(c->seen);
}

bool
conn_open(struct conn *c, const struct sockaddr_in *address, int64_t now_ms)
{
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		err(EX_OSERR, "socket");
	c->served = false;
	c->connect_ms = now_ms;
	return connect(c->fd, (const void *)address, sizeof(*address)) == 0 ||
	    errno == EINPROGRESS;
}

void
conn_close(struct conn *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	c->waiting_ms = CLOCK_NEVER;
	c->count = 0;
	c->now = (struct reading){ .lines = 0 };
	buf_truncate(&c->in, 0);
	buf_truncate(&c->out, 0);
}

bool
conn_has_room(const struct conn *c, unsigned int n)
{
	return c->count + n <= CONN_ASKS;
}

void
conn_ask(struct conn *c, const struct ask *ask, const struct history *h,
    int64_t now_ms)
{
	struct ask *a = &c->asks[(c->head + c->count++) % CONN_ASKS];

	*a = *ask;
	a->start = h->calls;
	a->start_ms = now_ms;
	if (c->waiting_ms == CLOCK_NEVER)
		c->waiting_ms = now_ms;
}

void
conn_send(struct conn *c, struct history *h)
{
	ssize_t n;

	if (buf_failed(&c->out))
		errx(EX_OSERR, "out of memory");
	while (buf_size(&c->out) > 0) {
		h->calls++;
		n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out), 0);
		if (n < 0)
			return; /* later, or receiving will find the end */
		buf_consume(&c->out, (size_t)n);
	}
}

enum conn_result
conn_receive(struct conn *c, struct history *h)
{
	uint8_t *to = buf_reserve(&c->in, READ_SIZE);
	ssize_t n;

	if (to == NULL)
		errx(EX_OSERR, "out of memory");
	n = io_recv(c->fd, to, READ_SIZE, 0);
	h->calls++;
	if (n == IO_AGAIN)
		return CONN_OPEN;
	if (n <= 0)
		return CONN_ENDED;
	buf_commit(&c->in, (size_t)n);
	return CONN_OPEN;
}

bool
conn_line(const struct conn *c, struct bytes *line)
{
	const char *data = (const char *)buf_data(&c->in), *end;

	if (buf_size(&c->in) == 0 ||
	    (end = memchr(data, '\n', buf_size(&c->in))) == NULL)
		return false;
	*line = (struct bytes){ data, (size_t)(end - data) };
	/* A line without CR differs from all that are expected. */
	if (line->size > 0 && end[-1] == '\r')
		line->size--;
	return true;
}

void
conn_skip_line(struct conn *c, struct bytes line)
{
	const char *end = (const char *)line.data + line.size;

	buf_consume(&c->in, line.size + (*end == '\r' ? 2 : 1));
}
