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
#include "worker/events.h"

struct link {
	int fd; /* -1: not connected */
	const char *runtime; /* the runtime directory */
	int lifeline_fd; /* end of file: the master is gone */
	int timeout_ms; /* for one reply */
	uint64_t session; /* random; the same on every connection */
	uint64_t sequence; /* of the next request */
	struct buf pending; /* requests not yet answered */
	size_t sent; /* bytes of `pending` that this connection has sent */
	struct buf in;
	bool repeats; /* `pending` was sent on an earlier connection */
	bool no_reply_yet; /* nothing has come on this connection */
	int64_t sent_ms; /* when `pending` was first sent */
	struct events events; /* subscriptions, which are repeated as well */
	struct message request; /* the one that the last reply is for */
};

enum link_result {
	LINK_FAILED = -1,
	LINK_NOTHING,
	LINK_REPLY,
	LINK_EVENT, /* MESSAGE_EVENT: it came before the reply */
};

void link_init(struct link *, uint64_t session, int lifeline_fd, int timeout_ms,
    const char *runtime);
/* Leaves the registry; the next request connects again. */
void link_close(struct link *);
/* Frees what a closed link has. */
void link_clear(struct link *);

/*
 * The reply to the oldest pending request, which is then no longer pending
 * but in `request`: LINK_REPLY.  LINK_NOTHING when nothing is pending.
 * LINK_FAILED when the registry did not answer in time, kvd stops, or there is
 * no memory (link_lacks_memory): the outcome of all that is pending is unknown,
 * and is to be dropped (link_discard).  m->body and request.body are valid until
 * the next call.
 */
enum link_result link_next(struct link *, struct message *m);
/*
 * While nothing is pending: an event that has come, never waiting.
 * LINK_NOTHING when there is none now.  LINK_FAILED when the registry is gone:
 * link_resume().
 */
enum link_result link_event(struct link *, struct message *m);
/* Connects again for the events to come.  Returns 0, or -1: try later. */
int link_resume(struct link *);
/* Was there no memory for something?  Then this link is of no use any more. */
bool link_lacks_memory(const struct link *);
/* Drops the oldest pending request.  Returns 0 when there is none. */
int link_discard(struct link *);

#endif
