/*
 * What the registry and the checkpointer tell each other, over a pair of
 * SOCK_SEQPACKET sockets.  The master makes the pair and keeps both ends, so
 * that it outlives either process, and what was sent to one that has died waits
 * for its successor.
 *
 * Nothing depends on a message: the state of a fold is in the log and in
 * data.mdb.  A message that is lost, or that comes late, costs only time.
 */

#ifndef COMMON_CHECKPOINT_H
#define COMMON_CHECKPOINT_H

#include <stdint.h>

enum checkpoint_type {
	/* registry -> checkpointer */
	CHECKPOINT_LOOK = 1, /* a segment was sealed, or the registry is new */
	CHECKPOINT_CACHE, /* the cache is in use up to byte `done`: its pages
			   * may be joined (area/large_pages.h) */

	/* checkpointer -> registry */
	CHECKPOINT_PROGRESS, /* of the segment `generation`, `done` keys of
			      * `total` are folded */
	CHECKPOINT_FOLDED, /* all segments up to this one are folded, durably.
			    * Sent after each fold; after a purge, because
			    * data.mdb has more space then; and when LOOK finds
			    * nothing to do */
};

struct checkpoint_message {
	uint64_t type; /* enum checkpoint_type */
	uint64_t generation;
	uint64_t done, total;
};

/* Sends a message, or drops it if the socket takes no more or the other end is
 * gone. */
void checkpoint_send(int fd, const struct checkpoint_message *);
/* Reads the next message.  1: there was one, 0: none waits, -1: the other end
 * is gone, and the master with it. */
int checkpoint_recv(int fd, struct checkpoint_message *);

#endif
