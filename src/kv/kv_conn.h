/*
 * A connection to the server: requests go out, lines come in, and each wait
 * has a deadline.  Functions that fail say why in `error`, and leave it to
 * the caller what becomes of that.
 */

#ifndef KV_KV_CONN_H
#define KV_KV_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "kv/target.h"
#include "proto/reply.h"

#define KV_CONN_ERROR_SIZE 256

/* A server's values have up to 64 MiB, whatever its max-value is. */
#define KV_CONN_VALUE_MAX ((size_t)64 << 20)
#define KV_CONN_LINE_MAX REPLY_LINE_MAX(KV_CONN_VALUE_MAX)

struct kv_conn {
	int fd; /* -1: not connected */
	int timeout_ms; /* for each wait */
	size_t chunk; /* bytes to ask for at a time */
	bool ended; /* the server has closed its half */
	bool cut; /* the server has not taken all that was sent */
	struct buf out; /* requests that were not sent */
	struct reply_reader in;
	char error[KV_CONN_ERROR_SIZE];
};

enum kv_conn_result {
	KV_CONN_LOST = -1, /* `error` says why */
	KV_CONN_AGAIN = 0, /* nothing now */
	KV_CONN_DATA, /* a data line */
	KV_CONN_STATUS, /* a status line */
};

void kv_conn_init(struct kv_conn *, int timeout_ms);
void kv_conn_clear(struct kv_conn *);

bool kv_conn_open(struct kv_conn *, const struct target *);
/* Closes, and forgets what was not sent or not taken.  `error` stays. */
void kv_conn_close(struct kv_conn *);

/* Appends a request, its words quoted where they have to be. */
void kv_conn_request(struct kv_conn *, const struct bytes *words, size_t n);

/*
 * Sends all of `out`, however often the server makes it wait.  That the
 * server has closed the connection is not told: what it said before that can
 * still be read, and the end after it.
 */
bool kv_conn_flush(struct kv_conn *);

/* Tells the server that no more requests come. */
void kv_conn_half_close(struct kv_conn *);

/* The next line; waits. */
enum kv_conn_result kv_conn_next(struct kv_conn *, struct reply_line *);

/*
 * For those who wait for several things at a time: the next of the lines
 * that have come; sends and receives what is possible now (KV_CONN_AGAIN, or
 * KV_CONN_LOST).
 */
enum kv_conn_result kv_conn_take(struct kv_conn *, struct reply_line *);
enum kv_conn_result kv_conn_send_some(struct kv_conn *);
enum kv_conn_result kv_conn_receive_some(struct kv_conn *);

/* Say in `error` that nothing came in time, or this; return KV_CONN_LOST. */
enum kv_conn_result kv_conn_timed_out(struct kv_conn *);
enum kv_conn_result kv_conn_give_up(struct kv_conn *, const char *why);

#endif
