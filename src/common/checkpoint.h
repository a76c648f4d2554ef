/*
 * What the registry and the checkpointer tell each other, over a pair of
 * SOCK_SEQPACKET sockets.  The master makes the pair and keeps both ends, so
 * that it outlives either of them; what one has sent waits for the next of the
 * other.
 *
 * Nothing depends on a message: the state of a fold is in the log and in
 * data.mdb.  One that is lost, or that comes late, costs time only.
 */

#ifndef COMMON_CHECKPOINT_H
#define COMMON_CHECKPOINT_H

#include <stdint.h>

enum checkpoint_type {
	/* registry -> checkpointer */
	CHECKPOINT_LOOK = 1, /* a segment was sealed, or the registry is new */

	/* checkpointer -> registry */
	CHECKPOINT_PROGRESS, /* of the segment `generation`, `done` keys of
			      * `total` are folded */
	CHECKPOINT_FOLDED, /* all segments up to this one are folded, durably;
			    * the answer to LOOK when there is nothing to do,
			    * and said again when there is more space */
};

struct checkpoint_message {
	uint64_t type; /* enum checkpoint_type */
	uint64_t generation;
	uint64_t done, total;
};

/* Sends a message, unless so many wait that it would be no use, or the other
 * end is gone. */
void checkpoint_send(int fd, const struct checkpoint_message *);
/* Reads the next message.  1: there was one, 0: none waits, -1: the other end
 * is gone, and the master with it. */
int checkpoint_recv(int fd, struct checkpoint_message *);

#endif
