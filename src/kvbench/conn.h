/*
 * One client: a connection, the requests under way on it, and the bytes that
 * have not gone out yet.
 */

#ifndef KVBENCH_CONN_H
#define KVBENCH_CONN_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "kvbench/mix.h"
#include "kvbench/protocol.h"
#include "kvbench/target.h"

struct conn {
	TAILQ_ENTRY(conn) ready; /* load's: it has room for a request */
	bool is_ready; /* on that list */
	bool is_dirty; /* load's: it has something to send */
	bool is_blocked; /* waits until it can be written to */
	int fd; /* or -1 */
	struct buf out;
	struct parser parser;
	struct request *requests; /* a ring of `depth` */
	size_t depth, first, n;
};

enum conn_result {
	CONN_OK,
	CONN_BLOCKED, /* the rest has to wait for the socket */
	CONN_ENDED, /* by the server */
	CONN_FAILED, /* errno says why */
};

/* Returns -1 without memory. */
int conn_init(struct conn *, const struct workload *, size_t depth);
/* Closes, and frees the memory. */
void conn_clear(struct conn *);

/* As target_connect; -1 with errno. */
int conn_open(struct conn *, const struct target *, int timeout_ms);
/* Forgets the requests under way. */
void conn_close(struct conn *);

/* Adds a request, which is copied; there is room for it. */
void conn_push(struct conn *, const struct request *);
/* The oldest, which is answered next; then it is answered. */
const struct request *conn_peek(const struct conn *);
void conn_pop(struct conn *);

/* Sends what it can; receives once, into the parser. */
enum conn_result conn_flush(struct conn *);
enum conn_result conn_receive(struct conn *);

#endif
