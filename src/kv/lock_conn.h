/*
 * lock_conn: what kv lock asks the server, and what the server tells it.
 *
 * kv has subscribed to the key.  While it waits, the end of somebody else's lock
 * is an event; while it holds the lock, a change by others is one.  No request of
 * these is answered with data lines, so each data line is an event.
 */

#ifndef KV_LOCK_CONN_H
#define KV_LOCK_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "kv/job.h"
#include "kv/kv.h"

struct lock_conn {
	struct kv *kv;
	struct job *job; /* whose signals are taken while kv waits */
	struct bytes bucket, key;
	const char *token, *time; /* what the key is set to, and for how long */
	int64_t limit_ms; /* no answer is waited for after that */
	bool holds; /* the key has the token */
	bool again; /* messages say that kv connects again */
	bool on; /* there is a connection, with a subscription */
	bool changed; /* an event says that the lock may have changed hands */
	bool complained; /* an error was printed, and there is nothing new */
};

enum lock_turn {
	LOCK_STATUS, /* a status line has come */
	LOCK_EVENT, /* an event was taken */
	LOCK_JOB, /* a signal has come, or the command has ended */
	LOCK_TIME, /* the deadline has passed */
	LOCK_GONE, /* the connection is closed now */
};

enum lock_outcome {
	LOCK_OK,
	LOCK_CONFLICT,
	LOCK_MISSING, /* there is no bucket */
	LOCK_REFUSED, /* an error, which was printed */
	LOCK_UNKNOWN, /* the connection is closed now */
};

/* Connects within this time.  Returns false, without a message, if that
 * fails. */
bool lock_conn_open(struct lock_conn *, int64_t limit_ms);
/* Prints why, and closes the connection. */
enum lock_turn lock_conn_fail(struct lock_conn *, const char *why);

/* Waits until something happens. */
enum lock_turn lock_conn_turn(struct lock_conn *, int64_t deadline_ms,
    struct reply_line *);

/* Each of these sends a request, and waits for the answer. */
enum lock_outcome lock_conn_subscribe(struct lock_conn *);
enum lock_outcome lock_conn_ping(struct lock_conn *);
enum lock_outcome lock_conn_create(struct lock_conn *);
/* Sets the key if there is none. */
enum lock_outcome lock_conn_add(struct lock_conn *);
/* If the key has the token: gives it its whole time again, or removes it. */
enum lock_outcome lock_conn_renew(struct lock_conn *);
enum lock_outcome lock_conn_delete(struct lock_conn *);

#endif
