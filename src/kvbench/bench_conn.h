/*
 * One client: a connection, the requests under way on it, and the bytes that
 * have not gone out yet.
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
	TAILQ_ENTRY(bench_conn) ready; /* load's: it has room for a request */
	bool is_ready; /* on that list */
	bool is_dirty; /* load's: it has something to send */
	bool is_blocked; /* waits until it can be written to */
	int fd; /* or -1 */
	struct buf out;
	struct parser parser;
	struct request *requests; /* a ring of `depth` */
	size_t depth, first, n;
};

enum bench_conn_result {
	BENCH_CONN_OK,
	BENCH_CONN_BLOCKED, /* the rest has to wait for the socket */
	BENCH_CONN_ENDED, /* by the server */
	BENCH_CONN_FAILED, /* errno says why */
};

/* Returns -1 without memory. */
int bench_conn_init(struct bench_conn *, const struct workload *, size_t depth);
/* Closes, and frees the memory. */
void bench_conn_clear(struct bench_conn *);

/* As server_connect; -1 with errno. */
int bench_conn_open(struct bench_conn *, const struct server *, int timeout_ms);
/* Forgets the requests under way. */
void bench_conn_close(struct bench_conn *);

/* Adds a request, which is copied; there is room for it. */
void bench_conn_push(struct bench_conn *, const struct request *);
/* The oldest, which is answered next; then it is answered. */
const struct request *bench_conn_peek(const struct bench_conn *);
void bench_conn_pop(struct bench_conn *);

/* Sends what it can; receives once, into the parser. */
enum bench_conn_result bench_conn_flush(struct bench_conn *);
enum bench_conn_result bench_conn_receive(struct bench_conn *);

#endif
