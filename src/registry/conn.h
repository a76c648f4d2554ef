/*
 * A worker's connection, as the registry sees it.  Its end is the worker's
 * end: nothing of it outlives it.
 */

#ifndef REGISTRY_CONN_H
#define REGISTRY_CONN_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "registry/events.h"

struct registry;
struct store_view;

/* What the turn does with its requests (request.c, commit.c). */
struct conn_turn {
	size_t executed; /* bytes of `in` that this turn has executed */
	uint64_t last_sequence; /* of the requests executed */
	uint64_t start_sequence; /* the same, when the turn began */
	bool wrote; /* has a write in the open batch */
	bool broken; /* to be closed when the turn is over */
};

/* Whose worker it is, and which of its replies are on record (session.c). */
struct conn_session {
	uint64_t id;
	bool greeted; /* HELLO has come */
	bool recorded; /* on the recorded list */
	bool deleting; /* the open batch deletes its record */
	/* Frames of the record when it connected: replies to repeat. */
	struct buf outcome;
	uint64_t outcome_last; /* highest sequence of these */
};

/* What it has subscribed to (events.c). */
struct conn_events {
	struct buf queue; /* waits for `out` to be sent */
	struct subscription_list subscriptions;
	unsigned int count; /* how many these are */
	bool notified; /* on the notified list: has events of this turn */
	bool slow; /* its queue was over its limit before this turn */
	bool lagged; /* was told so */
};

/* The listing under way (listing.c). */
struct conn_listing {
	struct store_view *pin; /* NULL: there is none */
	int64_t pinned_ms; /* when it was taken: clock_ms(), */
	int64_t pinned_wall_ms; /* and by the clock that entries expire by */
};

/*
 * While `out` is not empty no more of `in` is read or executed: a worker
 * that does not read its replies waits, and costs one turn's input and output.
 */
struct conn {
	TAILQ_ENTRY(conn) entry; /* idle or ready */
	TAILQ_ENTRY(conn) recorded_entry;
	TAILQ_ENTRY(conn) notified_entry;
	TAILQ_ENTRY(conn) listing_entry;
	int fd;
	struct buf in;
	struct buf out; /* whole frames, kept until all is sent */
	size_t sent; /* bytes of these */
	bool ready; /* on the ready list */
	bool wants_out; /* epoll watches for room to send */
	struct conn_turn turn;
	struct conn_session session;
	struct conn_events events;
	struct conn_listing listing;
};

/* Accepts all who wait.  Returns 0, or -1 when descriptors or memory are
 * short: try again later. */
int conn_accept(struct registry *);
void conn_close(struct registry *, struct conn *);
/* Reads once; the connection is ready, or closed. */
void conn_read(struct registry *, struct conn *);
/* Sends what is in `out`; may close. */
void conn_flush(struct registry *, struct conn *);
void conn_set_ready(struct registry *, struct conn *, bool ready);
/* It is ready, and is to be the first in the next turn. */
void conn_set_first(struct registry *, struct conn *);

#endif
