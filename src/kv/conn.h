/*
 * A connection to the server: requests go out, lines come in, and each wait
 * has a deadline.  Functions that fail say why in `error`, and leave it to
 * the caller what becomes of that.
 */

#ifndef KV_CONN_H
#define KV_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "kv/target.h"
#include "proto/reply.h"

#define CONN_ERROR_SIZE 256

/* A server's values have up to 64 MiB, whatever its max-value is. */
#define CONN_VALUE_MAX ((size_t)64 << 20)
#define CONN_LINE_MAX REPLY_LINE_MAX(CONN_VALUE_MAX)

struct conn {
	int fd; /* -1: not connected */
	int timeout_ms; /* for each wait */
	size_t chunk; /* bytes to ask for at a time */
	bool ended; /* the server has closed its half */
	bool cut; /* the server has not taken all that was sent */
	struct buf out; /* requests that were not sent */
	struct reply_reader in;
	char error[CONN_ERROR_SIZE];
};

enum conn_result {
	CONN_LOST = -1, /* `error` says why */
	CONN_AGAIN = 0, /* nothing now */
	CONN_DATA, /* a data line */
	CONN_STATUS, /* a status line */
};

void conn_init(struct conn *, int timeout_ms);
void conn_clear(struct conn *);

bool conn_open(struct conn *, const struct target *);
/* Closes, and forgets what was not sent or not taken.  `error` stays. */
void conn_close(struct conn *);

/* Appends a request, its words quoted where they have to be. */
void conn_request(struct conn *, const struct bytes *words, size_t n);

/*
 * Sends all of `out`, however often the server makes it wait.  That the
 * server has closed the connection is not told: what it said before that can
 * still be read, and the end after it.
 */
bool conn_flush(struct conn *);

/* Tells the server that no more requests come. */
void conn_half_close(struct conn *);

/* The next line; waits. */
enum conn_result conn_next(struct conn *, struct reply_line *);

/*
 * For those who wait for several things at a time: the next of the lines
 * that have come; sends and receives what is possible now (CONN_AGAIN, or
 * CONN_LOST).
 */
enum conn_result conn_take(struct conn *, struct reply_line *);
enum conn_result conn_send_some(struct conn *);
enum conn_result conn_receive_some(struct conn *);

/* Say in `error` that nothing came in time, or this; return CONN_LOST. */
enum conn_result conn_timed_out(struct conn *);
enum conn_result conn_give_up(struct conn *, const char *why);

#endif
