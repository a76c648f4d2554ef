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
	size_t executed; /* bytes of `in` this turn has executed */
	struct buf out; /* whole frames, kept until all is sent */
	size_t sent;
	uint64_t session;
	uint64_t last_sequence; /* of the requests executed */
	uint64_t settled_sequence; /* the same, when the last turn was over */
	/* Frames of its record when it connected: replies to repeat. */
	struct buf outcome;
	uint64_t outcome_last; /* highest sequence of these */
	/* Events that wait for `out` to be sent. */
	struct buf events;
	struct subscription_list subscriptions;
	unsigned int subscribed; /* how many these are */
	struct store_view *pin; /* of the listing under way, or NULL */
	int64_t pinned_ms; /* when it was taken: clock_ms(), */
	int64_t pinned_wall_ms; /* and by the clock that entries expire by */
	bool notified; /* on the notified list: has events of this turn */
	bool slow; /* had too many events before this turn */
	bool lagged; /* was told so */
	bool greeted; /* HELLO has come */
	bool ready; /* on the ready list */
	bool recorded; /* on the recorded list */
	bool forgotten; /* the open batch deletes its record */
	bool wrote; /* has a write in the open batch */
	bool broken; /* to be closed when the turn is over */
	bool wants_out; /* epoll watches for room to send */
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
void conn_set_recorded(struct registry *, struct conn *, bool recorded);
/* Has its worker all that its record holds? */
bool conn_is_delivered(const struct conn *);
/* How long a record waits for its worker: it repeats its requests within one
 * registry timeout, or never. */
int64_t conn_outcome_ms(const struct registry *);

#endif
