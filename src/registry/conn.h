/*
 * A worker's connection, as the registry sees it.  When it is closed the worker
 * has ended or given up, and everything here goes with it.  Only the record of
 * its outcomes stays in the store (registry/session.h).
 */

#ifndef REGISTRY_CONN_H
#define REGISTRY_CONN_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "registry/memory.h"
#include "registry/topic.h"

struct registry;
struct store_view;

/*
 * What the turn does with the requests of this connection.  request.c sets it;
 * at the end of the turn commit_finish() acts on it, or commit_rewind() takes
 * it back.
 */
struct conn_turn {
	size_t executed; /* bytes of `in` that were executed in this turn */
	uint64_t last_sequence; /* of the last request that was executed */
	uint64_t start_sequence; /* last_sequence at the start of the turn */
	/* It has a write in the open batch, so its replies wait for the commit.
	 * session_writes() sets it; the connection is then on the recorded
	 * list, too, where commit.c looks for it. */
	bool wrote;
	/* It has subscribed, or ended a subscription.  The reply, which says
	 * from which commit on, has to be sent before it writes: the record of
	 * a write would keep it, and nobody knows then whether it was sent. */
	bool subscribed;
	/* It said what no worker says: commit_finish() closes it, or refuses it
	 * (session_refuse()) if it has said nothing else yet. */
	bool broken;
};

/* The session of the worker, and the record of its outcomes (session.c). */
struct conn_session {
	uint64_t id;
	int64_t greet_by_ms; /* by then (clock_ms()) HELLO has to come */
	bool greeted; /* it has come; else this is on the silent list, or */
	bool refused; /* on that of the refused */
	size_t discarded; /* bytes that have come since then */
	bool recorded; /* is on the recorded list: may have a record */
	/* The open batch deletes the record.  session_record() sets it, and
	 * session_committed() or session_rewind() clears it. */
	bool deleting;
	/* There was a record when the worker connected: it may repeat the
	 * requests that are answered there, up to this sequence. */
	bool repeats;
	uint64_t outcome_last;
};

/* The subscriptions of the worker (events.c, resume.c). */
struct conn_events {
	struct buf queue; /* EVENT frames: sent when `out` has been sent */
	struct subscription_list subscriptions;
	unsigned int count; /* of subscriptions */
	bool notified; /* is on the notified list: got events in this turn */
	size_t queued; /* bytes of it that are counted: events_account() */
	size_t left; /* bytes that were in it before this turn */
	/* There was no space for all of this commit: the changes after `told`
	 * were left out. */
	bool slow;
	bool lagged; /* was told that it is too slow, and gets no more */
	/* It is on the behind list: it has yet to be told what came after the
	 * commit `seen` and the change `told` of the next (proto/hello.h). */
	bool behind;
	uint64_t seen, told;
	/* It was not: it had been told of each commit so far, but it takes its
	 * events too slowly. */
	bool fell;
	bool joined; /* takes part in the pass */
	uint64_t last_told; /* the commit of which the pass has told it last */
};

/* The snapshot of the listing that the worker reads (listing.c). */
struct conn_listing {
	struct store_view *pin; /* NULL: it reads none */
	int64_t pinned_ms; /* clock_ms() when the pin was taken, */
	int64_t pinned_wall_ms; /* and the time that entries expire by */
};

/* Why nothing is read from a connection, or executed. */
enum conn_wait {
	CONN_RUNS = 0, /* no reason */
	CONN_HELD, /* it wants to write, and may not yet */
	CONN_STARVED, /* it waits for memory (registry/memory.h) */
};

/*
 * While `out` is not empty no more of `in` is read or executed.  So a worker
 * that does not read its replies waits, and costs no more than the input and
 * output of one turn.
 */
struct conn {
	TAILQ_ENTRY(conn) entry; /* of the list that it is on */
	TAILQ_ENTRY(conn) recorded_entry;
	TAILQ_ENTRY(conn) notified_entry;
	TAILQ_ENTRY(conn) listing_entry;
	TAILQ_ENTRY(conn) behind_entry;
	TAILQ_ENTRY(conn) silent_entry;
	int fd;
	struct buf in; /* what the worker sent and is not executed yet */
	struct buf out; /* whole frames, kept until all of them are sent */
	size_t sent; /* bytes of `out` that are sent */
	bool ready; /* is on the ready list: `in` may have a whole request */
	bool first; /* conn_set_first() was called since it was served */
	bool heavy; /* what it asked for took long when it was served last */
	enum conn_wait wait; /* if any, it is on the list of those */
	unsigned int
	    tries; /* its first request was executed in part so often */
	/* The master has made the connection, for kvctl(8): it may only ask for
	 * names and numbers. */
	bool looks;
	TAILQ_ENTRY(conn) looker_entry;
	bool waited; /* its first request has been held for space on the disk */
	/* epoll waits for the socket to take more of `out`, not for input. */
	bool wants_out;
	struct conn_turn turn;
	struct conn_session session;
	struct conn_events events;
	struct conn_listing listing;
	struct conn_memory memory;
};

/* Accepts workers that wait.  Returns 0, or -1 when descriptors or memory are
 * short: try again later. */
int conn_accept(struct registry *);
/* Frees the connection, and takes it off all lists. */
void conn_close(struct registry *, struct conn *);
/* Calls recv(2) once.  With input the connection becomes ready; at its end, or
 * after an error, it is closed. */
void conn_read(struct registry *, struct conn *);
/* Sends what is in `out`, then the queued events.  Closes the connection when
 * the worker has gone. */
void conn_flush(struct registry *, struct conn *);
/* Moves the connection to the ready or to the idle list, if it does not wait. */
void conn_set_ready(struct registry *, struct conn *, bool ready);
/* Lets it wait for this, or, with CONN_RUNS, go on: it is then ready. */
void conn_hold(struct registry *, struct conn *, enum conn_wait);
/* Moves a ready connection to the front, so that it comes first in the next
 * turn; or to the end, since others have not had their turn yet. */
void conn_set_first(struct registry *, struct conn *);
void conn_set_last(struct registry *, struct conn *);

#endif
