/*
 * The scoreboard's memory, a file without a name (memfd_create(2)).  For the
 * files of the scoreboard only.
 *
 * The file begins with a page for what acceptors and the master count
 * (COUNTERS_SHARED), and one for what the registry counts.  The registry maps
 * both.  Then come the slots, and then each slot's struct activity, in pages of
 * its own, so that a worker can map its own and no other.
 */

#ifndef COMMON_SCOREBOARD_FILE_H
#define COMMON_SCOREBOARD_FILE_H

#include <sys/types.h>

#include <stdint.h>

#include "common/activity.h"
#include "common/slots.h"

struct scoreboard {
	uint64_t *shared; /* COUNTERS_SHARED */
	const uint64_t *registry; /* COUNTERS_OF_REGISTRY */
	struct slots *slots;
	int fd;
	off_t size; /* of the file, which may be too short for some slots */
};

/* Where a slot's activity is in the file. */
off_t scoreboard_activity_offset(uint32_t slot);
/* Reads a slot's activity; all zero if it cannot be read.  Reading the file,
 * unlike touching the memory, cannot raise SIGBUS. */
void scoreboard_read_activity(const struct scoreboard *, uint32_t slot,
    struct activity *);
/* What is known of the end of a slot's worker: to be read before the lock is
 * taken, as the worker has ended. */
struct scoreboard_end {
	uint64_t id;
	enum close_reason reason;
	struct activity activity; /* all zero if the worker never began */
};
void scoreboard_read_end(const struct scoreboard *, uint32_t slot, int status,
    struct scoreboard_end *);
/* The address of the slot's client, for people. */
void scoreboard_describe_peer(const struct slot *, char *text, size_t size);

#endif
