/*
 * The epoch: a word in a page of the file `epoch` in the data directory, by
 * which readers of an area learn that it is not valid any more (area/area.h).
 * All kvds that use the data directory share the file, so that a worker whose
 * kvd has died never answers from its old area when another kvd already takes
 * writes.
 *
 * The word only grows.  It need not survive the machine: readers do not either.
 */

#ifndef AREA_EPOCH_H
#define AREA_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

struct epoch {
	uint64_t *word; /* NULL: there is no file, and nothing is shared */
	int read_fd; /* to be handed to readers; or -1 */
};

static const struct epoch epoch_none = { NULL, -1 };

/*
 * Opens the file in this directory, or makes it.  The caller has the store's
 * lock.  Returns 0, or -1 with errno if there is a file that cannot be used:
 * readers may have it.  If there is none and none can be made, nobody has it
 * either; this returns 0, and `word` is NULL.
 */
int epoch_open(struct epoch *, int dirfd);
void epoch_close_file(struct epoch *);
/* From now on no reader trusts any area.  No effect without a file. */
void epoch_close(const struct epoch *);
/* The number of the next epoch, which `other` must not have.  It begins when
 * epoch_begin() is called with it. */
uint64_t epoch_next(const struct epoch *, uint64_t other);
void epoch_begin(const struct epoch *, uint64_t number);

/* Reader: maps the word of a file that was handed on.  NULL with errno. */
const uint64_t *epoch_map(int read_fd);

#endif
