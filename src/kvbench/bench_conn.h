/*
 * One client: a connection, the requests under way on it, and the bytes that
 * are not sent yet.
 */

#ifndef KVBENCH_BENCH_CONN_H
#define KVBENCH_BENCH_CONN_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "kvbench/mix.h"
#include "kvbench/protocol.h"
#include "kvbench/server.h"

struct bench_conn {
	/* bench_load uses these four. */
	TAILQ_ENTRY(bench_conn) ready; /* another request can be sent */
	bool is_ready; /* it is on that list */
	bool is_dirty; /* it has something to send */
	bool is_blocked; /* it waits until the socket can be written to */
	int fd; /* or -1 */
	struct buf out;
	struct parser parser;
	struct request *requests; /* under way: a ring buffer */
	size_t depth, first, n; /* its capacity, start and size */
};

enum bench_conn_result {
	BENCH_CONN_OK,
	BENCH_CONN_BLOCKED, /* the socket is not ready for (all of) it */
	BENCH_CONN_ENDED, /* the server has closed the connection */
	BENCH_CONN_FAILED, /* see errno */
};

/* `depth` is the most requests under way.  Returns -1 if memory is short. */
int bench_conn_init(struct bench_conn *, const struct workload *, size_t depth);
/* Closes the connection and frees the memory. */
void bench_conn_clear(struct bench_conn *);

/* Connects as server_connect does.  Returns 0, or -1 with errno. */
int bench_conn_open(struct bench_conn *, const struct server *, int timeout_ms);
/* Closes the connection and drops the requests under way. */
void bench_conn_close(struct bench_conn *);

/* Adds a copy of the request.  There must be fewer than `depth`. */
void bench_conn_push(struct bench_conn *, const struct request *);
/* Returns the oldest request, which the server answers next. */
const struct request *bench_conn_peek(const struct bench_conn *);
/* Removes it, because it is answered. */
void bench_conn_pop(struct bench_conn *);

/* Send what the socket takes, or receive once into the parser, without
 * waiting. */
enum bench_conn_result bench_conn_flush(struct bench_conn *);
enum bench_conn_result bench_conn_receive(struct bench_conn *);

#endif
