/*
 * kvd-maintain: checks, copies and restores a store, as `kvd -c', `kvd -C',
 * `kvd -R' and `kvctl backup' say.  It trusts who started it, and neither the
 * store nor a backup.
 *
 * It can be killed at any moment: a backup or a restored store is there when it
 * is whole, and a store that is compacted is always the old or the new one.
 */

#ifndef MAINTAIN_MAINTAIN_H
#define MAINTAIN_MAINTAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct maintain_options {
	const char *data; /* the data directory */
	const char *file; /* of the backup; "-": standard input or output */
	size_t log_size;
	bool in_use; /* a kvd that runs has asked for it */
	bool replace; /* a backup that exists */
	bool wider; /* see store_walk() */
	bool no_sandbox; /* do not confine this process */
	uint64_t rate; /* bytes of a backup in a second; 0: no limit */
	uint64_t kept_max; /* see store_image_check() */
};

/* Root becomes the user that owns the data directory, for good. */
void maintain_become_owner(const char *data);

/* Each returns the exit status: 0; 1 if a check has found something; or one of
 * sysexits(3). */
int maintain_check(const struct maintain_options *);
/* For the master: see common/walk.h. */
int maintain_walk(const struct maintain_options *);
int maintain_backup(const struct maintain_options *);
int maintain_restore(const struct maintain_options *);
int maintain_compact(const struct maintain_options *);

#endif
