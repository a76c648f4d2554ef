/*
 * How far a link's pending requests have got, and over which connection.  From
 * this alone follows what the worker does when the registry dies.  Pure: the
 * link does the I/O and reads the clock.
 *
 *	             connected            received
 *	CLOSED ---------------> GREETED -----------> ANSWERED
 *	  ^  ^                   |   ^                   |
 *	  |  |            closed |   | connected         | closed
 *	  |  | paused            v   |                   |
 *	  |  +---------------- UNANSWERED                |
 *	  +----------------------------------------------+
 *
 * A registry that dies, or closes the connection,
 *
 *	while the worker connects	is tried again after a pause, until the
 *					deadline of the awaited reply;
 *	in GREETED			may be one that refuses each
 *					connection: the worker pauses, then
 *					connects;
 *	in ANSWERED			is replaced: the worker connects at
 *					once.
 *
 * The new connection begins with HELLO.  Then, of the pending requests,
 *
 *	one that was never sent		is sent;
 *	one that was sent, or a part	is repeated, unless it was first sent
 *	of it				longer ago than the timeout: then nobody
 *					knows its outcome, and the worker gives
 *					up;
 *	one that was answered		is not pending any more.  What the
 *					registry sent before it died is read
 *					before the connection is closed.
 */

#ifndef WORKER_DELIVERY_H
#define WORKER_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum delivery_state {
	DELIVERY_CLOSED = 0, /* not connected */
	DELIVERY_UNANSWERED, /* not connected, and the last connection ended
			      * before anything was received over it */
	DELIVERY_GREETED, /* connected, and HELLO was sent */
	DELIVERY_ANSWERED, /* connected, and something was received */
};

/* All zero at first.  The pending requests are frames, one after another. */
struct delivery {
	enum delivery_state state;
	size_t sent; /* their first bytes: sent over this connection */
	size_t ever_sent; /* their first bytes: sent over any connection */
	int64_t first_sent_ms; /* when sending these began, or earlier */
};

/* What happens to the connection. */
void delivery_connected(struct delivery *);
void delivery_received(struct delivery *);
void delivery_closed(struct delivery *);
/* The worker has paused since the connection ended unanswered. */
void delivery_paused(struct delivery *);

/*
 * May the pending requests be sent now?  To be asked before they are.  False:
 * some would be repeated later than `timeout_ms` after they were first sent,
 * when the registry may have forgotten that it executed them.
 */
bool delivery_may_send(struct delivery *, int64_t now_ms, int64_t timeout_ms);
/* So many more bytes of them were sent. */
void delivery_sent(struct delivery *, size_t size);
/* The first of them, of this size, was answered or given up. */
void delivery_removed(struct delivery *, size_t size);

#endif
