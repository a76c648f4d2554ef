/*
 * Copies of a whole store: to a backup, from a backup, and to a smaller
 * data.mdb of the same store.
 */

#ifndef STORE_STORE_COPY_H
#define STORE_STORE_COPY_H

#include <sys/types.h>

#include "store/backup_stream.h"
#include "store/store.h"

/* Writes some of it, and returns how much; 0: nothing could be written for a
 * moment, and the caller decides whether to try again; -1: with errno. */
typedef ssize_t copy_write(void *arg, const void *data, size_t size);

struct copy_options {
	const char *dir;
	size_t log_size; /* as in store_options; not for a backup */
	long owner_pid;
	/* A backup of a store in use: see store_image_check(). */
	uint64_t kept_max;
	bool in_use; /* a kvd uses it: see store_image_open_in_use() */
	copy_write *write; /* of a backup */
	backup_read *read; /* of a restore */
	/* Called for each entry, with how many there are.  False: stop. */
	bool (*go_on)(void *arg, uint64_t done, uint64_t total);
	void *arg; /* of the three above */
};

struct copy_result {
	uint64_t revision; /* the last one that the copy has */
	uint64_t entries;
	int64_t time_ms; /* of the backup that was restored */
	uint64_t before, after; /* compacting: bytes of data.mdb */
	char error[600]; /* unless STORE_OK is returned */
};

/*
 * All return STORE_OK; STORE_REFUSED: nothing was changed, and a person has to
 * act; STORE_DAMAGED: what is to be copied is; STORE_LOST: go_on() has said no,
 * or a store in use has changed too much meanwhile; STORE_BEHIND: a fold takes
 * too long; STORE_FULL; or STORE_FAILED.
 */

/* Of a store in use or at rest.  Of the former, it has what is folded. */
enum store_result store_backup(const struct copy_options *,
    struct copy_result *);
/* Makes a store in a directory that has none, whole or not at all. */
enum store_result store_restore(const struct copy_options *,
    struct copy_result *);
/* Of a store at rest.  Whenever it is cut off, the store is there as it was. */
enum store_result store_compact(const struct copy_options *,
    struct copy_result *);

#endif
