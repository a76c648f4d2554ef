/*
 * A worker's link to the registry: it sends requests and receives replies, in
 * order.  When the registry dies, the link connects to the next one and repeats
 * what was not answered (worker/delivery.h).  The rest of the worker notices
 * only that this takes time.
 */

#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "proto/message.h"
#include "worker/account.h"
#include "worker/delivery.h"
#include "worker/subscriptions.h"

/* All zero before link_init(). */
struct link {
	/* Set by link_init(). */
	const char *runtime; /* the runtime directory */
	int lifeline_fd; /* end of file: the master is gone */
	int timeout_ms; /* for one reply */
	struct account *account;
	uid_t registry_uid; /* whose its socket has to be */
	uint64_t session; /* random; the same on every connection */

	/*
	 * To ask for something, append a request's frame to `pending`, under
	 * link_next_sequence().  It is sent by link_next().
	 */
	struct buf pending; /* requests not yet answered */
	uint64_t next_sequence;
	/* What the client has subscribed to.  HELLO says it on each connection;
	 * the link's user adds and removes. */
	struct subscriptions subscriptions;

	/* The registry has answered a request of this worker, and none was
	 * given up since. */
	bool heard;

	/* The link's own.  Others may wait until `fd` is readable. */
	int fd; /* -1: not connected */
	struct delivery delivery; /* of `pending` */
	struct buf in; /* received and not yet taken */

	struct message request; /* the one that the last reply is for, or that
				 * was discarded last */
};

enum link_result {
	LINK_FAILED = -1,
	LINK_NOTHING,
	LINK_REPLY,
	LINK_EVENT, /* a MESSAGE_EVENT, which came before the reply */
};

void link_init(struct link *, uint64_t session, uid_t registry_uid,
    int lifeline_fd, int timeout_ms, const char *runtime, struct account *);
/* Closes the connection; the next request makes another one. */
void link_close(struct link *);
/* Frees the memory of a closed link. */
void link_clear(struct link *);

/* The sequence number of the next request.  One that is then not used does no
 * harm: they have to ascend, not to be without gaps. */
static inline uint64_t
link_next_sequence(struct link *l)
{
	return l->next_sequence++;
}

/*
 * Takes the next message: LINK_REPLY, the reply to the oldest pending request,
 * which is then no longer pending but in `request`; or LINK_EVENT.
 * LINK_NOTHING when no request is pending.  LINK_FAILED when the registry did
 * not answer in time, kvd stops, or there is no memory (link_lacks_memory()):
 * then nobody knows the outcome of what is pending, and the caller has to
 * discard it (link_discard()).  m->body and request.body are valid until the
 * next call.
 */
enum link_result link_next(struct link *, struct message *m);
/*
 * While nothing is pending: takes an event that has come, without waiting.
 * LINK_NOTHING when there is none now.  LINK_FAILED when the registry is gone:
 * call link_resume().
 */
enum link_result link_event(struct link *, struct message *m);
/* Connects again, for the events to come.  False: call it again later. */
bool link_resume(struct link *);
/* Was there no memory for something?  Then this link is of no use any more. */
bool link_lacks_memory(const struct link *);
/* Drops the oldest pending request.  False: there is none. */
bool link_discard(struct link *);

#endif
