/*
 * A connection to the server: requests go out, lines come in, and each wait
 * has a deadline.  A function that fails puts the reason into `error`; the
 * caller decides what to do then.
 */

#ifndef KV_KV_CONN_H
#define KV_KV_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/target.h"
#include "proto/reply.h"

#define KV_CONN_ERROR_SIZE 256

/* The largest value of max-value, which kv does not know of the server. */
#define KV_CONN_VALUE_MAX ((size_t)64 << 20)
#define KV_CONN_LINE_MAX REPLY_LINE_MAX(KV_CONN_VALUE_MAX)

struct kv_conn {
	int fd; /* -1: not connected */
	int timeout_ms; /* for each wait */
	size_t chunk; /* bytes to receive at a time */
	bool ended; /* the server has closed its side */
	bool cut; /* the server closed before it took all that was sent */
	struct buf out; /* requests that are not sent yet */
	struct reply_reader in;
	char error[KV_CONN_ERROR_SIZE];
};

enum kv_conn_result {
	KV_CONN_LOST = -1, /* the connection failed; see `error` */
	KV_CONN_AGAIN = 0, /* nothing is there yet */
	KV_CONN_DATA, /* a data line */
	KV_CONN_STATUS, /* a status line */
};

void kv_conn_init(struct kv_conn *, int timeout_ms);
void kv_conn_clear(struct kv_conn *);

bool kv_conn_open(struct kv_conn *, const struct target *);
/* Closes the connection, and drops what was not sent or not taken.  `error` is
 * kept. */
void kv_conn_close(struct kv_conn *);

/* Appends a request to `out`, with its words quoted where they need it. */
void kv_conn_request(struct kv_conn *, const struct bytes *words, size_t n);

/*
 * Sends all of `out`, and waits while the server does not take it.  If the
 * server has closed the connection, this is not an error: what it said before
 * can still be read, and then its end.
 */
bool kv_conn_flush(struct kv_conn *);

/* Tells the server that no more requests follow. */
void kv_conn_half_close(struct kv_conn *);

/* Waits for the next line. */
enum kv_conn_result kv_conn_next(struct kv_conn *, struct reply_line *);

/*
 * For callers that wait for several things at a time.  kv_conn_take takes the
 * next line of those that have been received.  The others send or receive what
 * is possible without waiting, and return KV_CONN_AGAIN or KV_CONN_LOST.
 */
enum kv_conn_result kv_conn_take(struct kv_conn *, struct reply_line *);
enum kv_conn_result kv_conn_send_some(struct kv_conn *);
enum kv_conn_result kv_conn_receive_some(struct kv_conn *);

/* Set `error`: nothing came in time, or this text.  Return KV_CONN_LOST. */
enum kv_conn_result kv_conn_timed_out(struct kv_conn *);
enum kv_conn_result kv_conn_give_up(struct kv_conn *, const char *why);

#endif
