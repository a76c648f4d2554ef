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

struct outcome;
struct registry;

/*
 * While `out` is not empty no more of `in` is read or executed: a worker
 * that does not read its replies waits, and costs one turn's output.
 */
struct conn {
	TAILQ_ENTRY(conn) entry; /* idle or ready */
	TAILQ_ENTRY(conn) holding_entry;
	int fd;
	struct buf in;
	size_t executed; /* bytes of `in` this turn has executed */
	struct buf out; /* whole frames, kept until all is sent */
	size_t sent;
	uint64_t session;
	uint64_t last_sequence; /* of the requests executed */
	struct outcome *outcome; /* what the last registry left for it */
	bool greeted; /* HELLO has come */
	bool ready; /* on the ready list */
	bool holding; /* on the holding list */
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
void conn_set_holding(struct registry *, struct conn *, bool holding);

#endif
