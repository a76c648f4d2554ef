/*
 * conn: bytes out, bytes in.  Runs in kvbench.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "kvbench/conn.h"

/* As much as a server may have sent at once. */
#define READ_SIZE 65536

int
conn_init(struct conn *c, const struct workload *workload, size_t depth)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->depth = depth;
	buf_init(&c->out);
	parser_init(&c->parser, workload);
	c->requests = calloc(depth, sizeof(*c->requests));
	return c->requests == NULL ? -1 : 0;
}

void
conn_clear(struct conn *c)
{
	conn_close(c);
	buf_clear(&c->out);
	parser_clear(&c->parser);
	free(c->requests);
	c->requests = NULL;
}

int
conn_open(struct conn *c, const struct target *target, int timeout_ms)
{
	c->fd = target_connect(target, timeout_ms);
	return c->fd == -1 ? -1 : 0;
}

void
conn_close(struct conn *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	c->n = 0;
	c->is_blocked = false;
	buf_truncate(&c->out, 0);
	parser_reset(&c->parser);
}

void
conn_push(struct conn *c, const struct request *request)
{
	const struct workload *workload = c->parser.workload;
	size_t i = c->first + c->n++;

	c->requests[i < c->depth ? i : i - c->depth] = *request;
	workload->protocol->encode(&c->out, workload, request);
}

const struct request *
conn_peek(const struct conn *c)
{
	return &c->requests[c->first];
}

void
conn_pop(struct conn *c)
{
	if (++c->first == c->depth)
		c->first = 0;
	c->n--;
}

enum conn_result
conn_flush(struct conn *c)
{
	ssize_t n;

	if (buf_failed(&c->out)) {
		errno = ENOMEM;
		return CONN_FAILED;
	}
	while (buf_size(&c->out) > 0) {
		n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out),
		    MSG_DONTWAIT);
		if (n == IO_AGAIN)
			return CONN_BLOCKED;
		if (n < 0)
			return CONN_FAILED;
		buf_consume(&c->out, (size_t)n);
	}
	return CONN_OK;
}

enum conn_result
conn_receive(struct conn *c)
{
	uint8_t *to = reply_reserve(&c->parser.in, READ_SIZE);
	ssize_t n;

	if (to == NULL) {
		errno = ENOMEM;
		return CONN_FAILED;
	}
	n = io_recv(c->fd, to, READ_SIZE, MSG_DONTWAIT);
	if (n == IO_AGAIN)
		return CONN_BLOCKED;
	if (n <= 0)
		return n == IO_END ? CONN_ENDED : CONN_FAILED;
	reply_commit(&c->parser.in, (size_t)n);
	return CONN_OK;
}
