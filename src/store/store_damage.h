/*
 * Which buckets are damaged: the file `damaged` in the data directory.  A walk
 * through the store writes it (store/store_walk.h); registry and checkpointer
 * read it when they start, and do not touch the entries of these buckets.
 *
 * The file is text:
 *
 *	kvd damaged 1
 *	buckets FIRST LAST	for each range of ids, in their order
 *	sum CRC			CRC-32C of all before this line, 8 hex digits
 *
 * A damaged page is a gap between two keys, so what it takes away is a range of
 * ids, however many buckets these are.
 */

#ifndef STORE_STORE_DAMAGE_H
#define STORE_STORE_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAMAGE_FILE "damaged"
/* With more ranges than this a store is not worth serving. */
#define DAMAGE_MAX 1000

struct damage_range {
	uint64_t first, last; /* ids; both are damaged */
};

struct damage {
	size_t count;
	struct damage_range ranges[DAMAGE_MAX]; /* ascending, with gaps */
};

/* Is the bucket with this id damaged? */
bool damage_has(const struct damage *, uint64_t id);
/* Adds a range.  False: there would be too many. */
bool damage_add(struct damage *, uint64_t first, uint64_t last);
/* Has the first all ranges of the second? */
bool damage_covers(const struct damage *, const struct damage *);

enum damage_result {
	DAMAGE_READ, /* the file says which */
	DAMAGE_NONE, /* there is no file, and no bucket is damaged */
	DAMAGE_MALFORMED,
	DAMAGE_FAILED, /* errno says why */
};
enum damage_result damage_read(struct damage *, int dirfd);
/* Replaces the file, durably, or removes it if there is no range.  Returns 0, or
 * -1 with errno. */
int damage_write(const struct damage *, int dirfd);

#endif
