/*
 * bench_conn: sends requests and receives replies.  Runs in kvbench.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "kvbench/bench_conn.h"

/* Enough for what a server sends at a time. */
#define READ_SIZE 65536

int
bench_conn_init(struct bench_conn *c, const struct workload *workload,
    size_t depth)
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
bench_conn_clear(struct bench_conn *c)
{
	bench_conn_close(c);
	buf_clear(&c->out);
	parser_clear(&c->parser);
	free(c->requests);
	c->requests = NULL;
}

int
bench_conn_open(struct bench_conn *c, const struct server *server,
    int timeout_ms)
{
	c->fd = server_connect(server, timeout_ms);
	return c->fd == -1 ? -1 : 0;
}

void
bench_conn_close(struct bench_conn *c)
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
bench_conn_push(struct bench_conn *c, const struct request *request)
{
	const struct workload *workload = c->parser.workload;
	size_t i = c->first + c->n++;

	c->requests[i < c->depth ? i : i - c->depth] = *request;
	workload->protocol->encode(&c->out, workload, request);
}

const struct request *
bench_conn_peek(const struct bench_conn *c)
{
	return &c->requests[c->first];
}

void
bench_conn_pop(struct bench_conn *c)
{
	if (++c->first == c->depth)
		c->first = 0;
	c->n--;
}

enum bench_conn_result
bench_conn_flush(struct bench_conn *c)
{
	ssize_t n;

	if (buf_failed(&c->out)) {
		errno = ENOMEM;
		return BENCH_CONN_FAILED;
	}
	while (buf_size(&c->out) > 0) {
		n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out),
		    MSG_DONTWAIT);
		if (n == IO_AGAIN)
			return BENCH_CONN_BLOCKED;
		if (n < 0)
			return BENCH_CONN_FAILED;
		buf_consume(&c->out, (size_t)n);
	}
	return BENCH_CONN_OK;
}

enum bench_conn_result
bench_conn_receive(struct bench_conn *c)
{
	uint8_t *to = reply_reserve(&c->parser.in, READ_SIZE);
	ssize_t n;

	if (to == NULL) {
		errno = ENOMEM;
		return BENCH_CONN_FAILED;
	}
	n = io_recv(c->fd, to, READ_SIZE, MSG_DONTWAIT);
	if (n == IO_AGAIN)
		return BENCH_CONN_BLOCKED;
	if (n <= 0)
		return n == IO_END ? BENCH_CONN_ENDED : BENCH_CONN_FAILED;
	reply_commit(&c->parser.in, (size_t)n);
	return BENCH_CONN_OK;
}
