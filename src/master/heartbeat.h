/*
 * Is a child hung?  Pure code, with the clock passed in.
 *
 * A child is asked again and again, and is hung when it has not answered for
 * the whole of the timeout.  What counts is how often it was asked, not the
 * time: a master that was itself held up (a busy or stopped machine, a
 * laptop's lid) asked less often.
 */

#ifndef MASTER_HEARTBEAT_H
#define MASTER_HEARTBEAT_H

#include <stdint.h>

/* How often a child is asked within the timeout. */
#define HEARTBEAT_PINGS 5

enum heartbeat_result {
	HEARTBEAT_WAIT, /* nothing is due */
	HEARTBEAT_PING, /* ask */
	HEARTBEAT_HUNG,
};

struct heartbeat {
	int64_t due_ms; /* CLOCK_NEVER: not watched */
	unsigned int unanswered;
};

/* From now on; a timeout of 0 is none. */
void heartbeat_start(struct heartbeat *, int64_t timeout_ms, int64_t now_ms);
void heartbeat_stop(struct heartbeat *);
/* It has answered. */
void heartbeat_pong(struct heartbeat *);
enum heartbeat_result heartbeat_tick(struct heartbeat *, int64_t timeout_ms,
    int64_t now_ms);

#endif
