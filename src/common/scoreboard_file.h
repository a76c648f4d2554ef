/*
 * The scoreboard's memory, a file without a name (memfd_create(2)).  For the
 * files of the scoreboard only.
 *
 * The file begins with a page for the counter of refused clients.  Then come the slots, and then a page for each slot's text, so
 * that a worker can map its own and no other.
 */

#ifndef COMMON_SCOREBOARD_FILE_H
#define COMMON_SCOREBOARD_FILE_H

#include <sys/types.h>

#include <stdint.h>

#include "common/slots.h"

struct scoreboard {
	uint64_t *refused; /* the counter, with the slots behind its page */
	struct slots *slots;
	int fd;
	off_t size; /* of the file, which may be too short for some texts */
};

/* Where a slot's text is in the file. */
off_t scoreboard_text_offset(uint32_t slot);

#endif
