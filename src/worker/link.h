/*
 * A worker's link to the registry: requests out, replies in, in order.  When
 * the registry dies, the link connects to the next one and repeats what was
 * not answered; its user notices nothing but the time it takes.
 */

#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "proto/message.h"

struct link {
	int fd; /* -1: not connected */
	int lifeline_fd; /* end of file: the master is gone */
	int timeout_ms; /* for one reply */
	uint64_t session; /* random; the same on every connection */
	uint64_t sequence; /* of the next request */
	struct buf pending; /* requests not yet answered */
	size_t sent; /* bytes of `pending` that this connection has sent */
	struct buf in;
	bool repeats; /* `pending` was sent on an earlier connection */
	int64_t sent_ms; /* when `pending` was first sent */
};

/* Returns 0, or -1 with errno. */
int link_init(struct link *, int lifeline_fd, int timeout_ms);
void link_clear(struct link *);

/*
 * The reply to the oldest pending request, which is then no longer pending.
 * Returns 1; 0 when nothing is pending; -1 when the registry did not answer
 * in time, kvd stops, or there is no memory: the outcome of all that is
 * pending is unknown, and is to be dropped (link_drop).  m->body is valid until the
 * next call.
 */
int link_next(struct link *, struct message *m);
/* Drops the oldest pending request.  Returns 0 when there is none. */
int link_drop(struct link *);

#endif
