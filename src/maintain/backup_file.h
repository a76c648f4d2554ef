/*
 * The file that a backup is written to: it appears when it is whole and
 * durable, or not at all.  Or standard output.
 */

#ifndef MAINTAIN_BACKUP_FILE_H
#define MAINTAIN_BACKUP_FILE_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct backup_file {
	const char *path; /* NULL: standard output */
	bool replace; /* what has the name now */
	int fd;
	char dir[PATH_MAX];
	char temporary[PATH_MAX + 32]; /* ""; or a name that it has meanwhile */
	const char *error; /* what has failed, with errno unless that is 0 */
};

/* All return 0, or -1 with `error`.  `path` "-" is standard output.  Without
 * `replace` a file that exists is an error.  In the data directory none is made:
 * it might have the name of a part of the store. */
int backup_file_open(struct backup_file *, const char *path, const char *data,
    bool replace);
/* Makes it durable, and gives it its name. */
int backup_file_finish(struct backup_file *);
/* Closes it.  If it has no name yet, nothing is left of it. */
void backup_file_close(struct backup_file *);
/* As a copy_write.  A write that a signal interrupts returns 0. */
ssize_t backup_file_write(const struct backup_file *, const void *data,
    size_t size);

#endif
