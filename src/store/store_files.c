/*
 * store_files: are the files in the data directory the store's own?  Runs in
 * the registry and the checkpointer before they open any.
 *
 * Nobody but their user may write to the directory, so what is there now stays,
 * unless this user or root exchanges it.  A file of another user's, which root
 * has copied there or which was there before the directory was kvd's, might be
 * open in a process of that user's, and change at any time.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/store_lmdb.h"

static const char *const names[] = { "data.mdb", "data.new", "lock.mdb",
	"log.1", "log.2", "lock", "checkpointer.lock", "epoch", "damaged",
	"scrubbed" };

static enum store_result
check_file(struct store *s, const char *name, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return store_fail(s, STORE_REFUSED,
		    "%s/%s is a symbolic link: put the file itself there",
		    s->dir, name);
	if (!S_ISREG(st->st_mode))
		return store_fail(s, STORE_REFUSED,
		    "%s/%s is not a file: move it away", s->dir, name);
	if (st->st_uid != geteuid())
		return store_fail(s, STORE_REFUSED,
		    "%s/%s belongs to user %lu, not to user %lu, who owns the "
		    "store: chown it if it is the store's, else move it away",
		    s->dir, name, (unsigned long)st->st_uid,
		    (unsigned long)geteuid());
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return store_fail(s, STORE_REFUSED,
		    "%s/%s can be written to by its group or by others: "
		    "chmod go-w it",
		    s->dir, name);
	if (st->st_nlink != 1)
		return store_fail(s, STORE_REFUSED,
		    "%s/%s has another name (link(2)): remove that, or put a "
		    "copy of the file here",
		    s->dir, name);
	return STORE_OK;
}

enum store_result
store_check_files(struct store *s)
{
	enum store_result result = STORE_OK;
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (fstatat(s->dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			result = check_file(s, names[i], &st);
		else if (errno != ENOENT)
			result = store_fail_rc(s, errno, store_refusal(errno),
			    "%s/%s", s->dir, names[i]);
		if (result != STORE_OK)
			return result;
	}
	return STORE_OK;
}
