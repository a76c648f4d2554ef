/*
 * disk: what of a data directory is durable at some moment, what else has
 * been written, and what a power cut then leaves.
 *
 * The model: what was synced is there.  Of each sector of 512 bytes, which is
 * written whole, any content since the last sync may be there, whatever the
 * others have; the size of a file may be any it has had since then, and what
 * a larger size shows is zeros where nothing was written.
 */

#ifndef POWERCUT_DISK_H
#define POWERCUT_DISK_H

#include "powercut/trace.h"

struct disk_file {
	bool there, durable_name;
	uint8_t *base; /* what is durable; zeros behind base_size */
	size_t base_size, capacity;
	size_t size; /* as the process sees it */
	const struct trace_event **writes; /* since the last sync, in order */
	size_t n_writes, writes_max;
};

struct disk {
	bool there, durable_name; /* the directory */
	struct disk_file files[TRACE_FILES];
};

/* Reads a directory whose content is durable; one that is not there is. */
void disk_read(struct disk *, const char *dir);
void disk_free(struct disk *);
void disk_apply(struct disk *, const struct trace_event *);
/*
 * Makes `dir`, which must not be there, as a power cut leaves it.  `now` is
 * what is being done at that moment, or NULL.  The same seed makes the same.
 */
void disk_cut(struct disk *, const struct trace_event *now, uint64_t seed,
    const char *dir);

#endif
