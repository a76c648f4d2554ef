/*
 * How far a link's pending requests have got, and over which connection.  From
 * this alone follows what the worker does when the registry dies.  Pure: the
 * link does the I/O and reads the clock.
 *
 *	CLOSED --connected--> GREETED --received--> ANSWERED
 *	 ^  ^                    |                     |
 *	 |  |                  closed                  |
 *	 |  |                    v                     |
 *	 |  +-----paused---- UNANSWERED                |
 *	 +-------------------closed--------------------+
 *
 * When the registry dies, or closes the connection, the worker
 *
 *	while it connects	pauses and tries again, until the deadline of
 *				the reply that it waits for;
 *	in GREETED		pauses, because the next connection may end in
 *				the same way, then connects;
 *	in ANSWERED		connects at once.
 *
 * It reads what the registry has sent before it closes its own end, and begins
 * the new connection with HELLO.  A pending request is one that was not
 * answered.  If it
 *
 *	was never sent		it is sent;
 *	was sent, or a part	it is repeated, unless it was first sent longer
 *	of it was		ago than the timeout and changes something.
 *				Then nobody knows its outcome, and the worker
 *				gives up all that are pending.
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
	/* How many of their first bytes were sent, over this connection and
	 * over any. */
	size_t sent;
	size_t ever_sent;
	int64_t first_sent_ms; /* when that began; unset if ever_sent is 0 */
};

/* What happens to the connection. */
void delivery_connected(struct delivery *);
void delivery_received(struct delivery *);
void delivery_closed(struct delivery *); /* or it was never connected */
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
