/*
 * Finds children that hang.  Pure code, with the clock passed in.
 *
 * A child is sent a ping HEARTBEAT_PINGS times within the timeout, and hangs
 * when it has answered none of them.  The unanswered pings are counted, and not
 * the time, because the master may have been held up itself (a busy machine, a
 * laptop that was asleep).  Then it has sent fewer pings.
 */

#ifndef MASTER_HEARTBEAT_H
#define MASTER_HEARTBEAT_H

#include <stdint.h>

/* How many pings a child is sent within the timeout. */
#define HEARTBEAT_PINGS 5

enum heartbeat_result {
	HEARTBEAT_WAIT, /* nothing is due */
	HEARTBEAT_PING, /* send a ping */
	HEARTBEAT_HUNG, /* the child hangs; it is not watched any more */
};

struct heartbeat {
	int64_t
	    due_ms; /* the next ping; CLOCK_NEVER: the child is not watched */
	unsigned int unanswered; /* pings since the last answer */
};

/* Watches the child from now on, or, with a timeout of 0, does not. */
void heartbeat_start(struct heartbeat *, int64_t timeout_ms, int64_t now_ms);
void heartbeat_stop(struct heartbeat *);
/* The child has answered. */
void heartbeat_pong(struct heartbeat *);
/* To be called when due_ms has come, and as often as the caller likes. */
enum heartbeat_result heartbeat_tick(struct heartbeat *, int64_t timeout_ms,
    int64_t now_ms);

#endif
