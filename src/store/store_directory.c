/*
 * store_directory: the data directory: found or made, locked, and known by
 * what it is instead of by its path.  Runs in the registry and the
 * checkpointer.
 */

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libutil.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/directory.h"
#include "store/store_lmdb.h"

#define LOCK_POLL_MS 20

/* These may be over by themselves; all others need a person. */
static const int shortages[] = { EAGAIN, EBUSY, EDQUOT, EINTR, EIO, EMFILE,
	ENFILE, ENOBUFS, ENOLCK, ENOMEM, ENOSPC, ETIMEDOUT, MDB_BAD_TXN,
	MDB_MAP_FULL, MDB_MAP_RESIZED, MDB_PANIC, MDB_READERS_FULL,
	MDB_TLS_FULL, MDB_TXN_FULL };

static bool
is_shortage(int rc)
{
	size_t i;

	for (i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++)
		if (shortages[i] == rc)
			return true;
	return false;
}

enum store_result
store_refusal(int rc)
{
	return is_shortage(rc) ? STORE_FAILED : STORE_REFUSED;
}

bool
store_is_lack(int rc)
{
	return is_shortage(rc) && rc != EIO && rc != MDB_PANIC &&
	    rc != MDB_BAD_TXN;
}

static enum store_result
refuse_errno(struct store *s, const char *what)
{
	return store_fail_rc(s, errno, store_refusal(errno), "%s: %s", s->dir,
	    what);
}

static enum store_result
refuse_gone(struct store *s, const char *file)
{
	return store_fail(s, STORE_REFUSED,
	    "%s%s has gone while kvd runs: mount it again, or put it back, "
	    "and start kvd",
	    s->dir, file);
}

static enum store_result
open_directory(struct store *s, const struct store_options *o)
{
	s->dirfd = directory_open(s->dir, o->create ? 0700 : -1, s->error,
	    sizeof(s->error));
	if (s->dirfd != -1)
		return STORE_OK;
	if (errno == ENOENT && !o->create)
		return refuse_gone(s, "");
	s->lacks = store_is_lack(errno);
	return store_refusal(errno);
}

static enum store_result
refuse_locked(struct store *s, const struct store_options *o, const char *name)
{
	char owner[32] = "";
	ssize_t n;
	int fd;

	fd = openat(s->dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, owner, sizeof(owner) - 1);
		owner[n < 0 ? 0 : n] = '\0';
		(void)close(fd);
	}
	owner[strspn(owner, " 0123456789")] = '\0';
	/* Of a store that was had before, somebody holds the lock for a while:
	 * a backup, or another kvd, which will not have it for ever. */
	return store_fail(s, o->identity[1] == 0 ? STORE_REFUSED : STORE_FAILED,
	    "%s: data directory in use by another kvd (pid %s)", s->dir,
	    owner[0] == '\0' ? "unknown" : owner + strspn(owner, " "));
}

/*
 * The registry locks the directory, which nobody can put another in place of
 * while it is locked, and the file in it that kvd 0.1 locks, and that tells the
 * owner.  Where the file system cannot lock a directory, the file has to do.
 */
static const char registry_lock[] = "lock";
static const char checkpointer_lock[] = "checkpointer.lock";

/* Returns the file's descriptor, or -1. */
static int
try_lock(struct store *s, const char *name)
{
	if (name == registry_lock && flock(s->dirfd, LOCK_EX | LOCK_NB) == -1 &&
	    is_shortage(errno))
		return -1;
	return flopenat(s->dirfd, name,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0600);
}

/* One owner at a time; a killed one's lock goes when the kernel is done. */
static enum store_result
lock(struct store *s, const struct store_options *o, const char *name, int *fd)
{
	static const struct timespec pause = { .tv_nsec =
						   LOCK_POLL_MS * 1000000 };
	int64_t deadline_ms = clock_ms() + o->lock_wait_ms;
	char owner[32];

	while ((*fd = try_lock(s, name)) == -1) {
		if (is_shortage(errno) && clock_ms() < deadline_ms)
			(void)nanosleep(&pause, NULL);
		else if (errno == EWOULDBLOCK)
			return refuse_locked(s, o, name);
		else
			return refuse_errno(s, "cannot lock data directory");
	}
	/* For others to read; of one width, so that it needs no new room on a
	 * full disk.  Without it they are told less, that is all. */
	(void)snprintf(owner, sizeof(owner), "%20ld\n", o->owner_pid);
	if (pwrite(*fd, owner, strlen(owner), 0) == -1)
		return STORE_OK;
	return STORE_OK;
}

/* Workers of the kvd that had the lock before may be there still.  From here on
 * they answer nothing by themselves. */
static enum store_result
close_epoch(struct store *s)
{
	if (s->epoch.word == NULL && epoch_open(&s->epoch, s->dirfd) == -1)
		return refuse_errno(s, "epoch");
	epoch_close(&s->epoch);
	return STORE_OK;
}

enum store_result
store_lock_registry(struct store *s, const struct store_options *o)
{
	enum store_result result = lock(s, o, registry_lock, &s->lockfd);

	return result == STORE_OK ? close_epoch(s) : result;
}

enum store_result
store_unlock_registry(struct store *s)
{
	if (s->lockfd == -1)
		return STORE_OK;
	(void)close(s->lockfd);
	s->lockfd = -1;
	if (flock(s->dirfd, LOCK_UN) == 0)
		return STORE_OK;
	/* No registry could start while this process runs. */
	return store_fail_rc(s, errno, STORE_FAILED,
	    "%s: cannot unlock data directory", s->dir);
}

/* A checkpointer that is about to make the store locks out registries, too. */
static enum store_result
lock_for_role(struct store *s, const struct store_options *o)
{
	enum store_result result = STORE_OK;

	if (s->role != STORE_REGISTRY)
		result = lock(s, o, checkpointer_lock, &s->checkpointer_lockfd);
	if (result == STORE_OK &&
	    (s->role != STORE_CHECKPOINTER || s->allocated == 0))
		result = store_lock_registry(s, o);
	return result;
}

/* Where writing copies, space that is allocated is not kept for who writes
 * over it.  Where that can be switched off, the directory's new files inherit
 * it. */
static void
avoid_copies(struct store *s)
{
	int flags;

	if (ioctl(s->dirfd, FS_IOC_GETFLAGS, &flags) == 0 &&
	    (flags & FS_NOCOW_FL) == 0) {
		flags |= FS_NOCOW_FL;
		(void)ioctl(s->dirfd, FS_IOC_SETFLAGS, &flags);
	}
}

bool
store_file_is_copied(const struct store *s, const char *name)
{
	int fd, flags = 0, dir_flags = 0;
	bool known;

	fd = openat(s->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return false;
	known = ioctl(s->dirfd, FS_IOC_GETFLAGS, &dir_flags) == 0 &&
	    ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
	(void)close(fd);
	return known && (dir_flags & FS_NOCOW_FL) != 0 &&
	    (flags & FS_NOCOW_FL) == 0;
}

/* A new store begins with no file, or with an empty one. */
static enum store_result
find_file(struct store *s, const struct store_options *o)
{
	struct stat st = { .st_size = 0 };

	if (fstatat(s->dirfd, "data.mdb", &st, 0) == -1 && errno != ENOENT)
		return refuse_errno(s, "data.mdb");
	s->allocated = (size_t)st.st_size;
	if (s->allocated == 0 && !o->create)
		return refuse_gone(s, "/data.mdb");
	return STORE_OK;
}

enum store_result
store_open_directory(struct store *s, const struct store_options *o)
{
	enum store_result result;

	/* Before anything is made in a directory that is another one; and
	 * when there is no other owner who could make the file grow. */
	if ((result = open_directory(s, o)) != STORE_OK ||
	    (result = store_check_files(s)) != STORE_OK ||
	    (result = find_file(s, o)) != STORE_OK)
		return result;
	if (o->create)
		avoid_copies(s);
	if ((result = lock_for_role(s, o)) != STORE_OK)
		return result;
	/* Of a kvd or kvd-maintain that was killed. */
	if (s->role != STORE_REGISTRY)
		(void)unlinkat(s->dirfd, "data.new", 0);
	return find_file(s, o);
}

enum store_result
store_identify(struct store *s, const struct store_options *o)
{
	struct stat opened, named;

	if (fstat(s->fd, &opened) == -1 ||
	    fstatat(s->dirfd, "data.mdb", &named, 0) == -1)
		return refuse_errno(s, "data.mdb");
	s->identity[0] = opened.st_dev;
	s->identity[1] = opened.st_ino;
	if (opened.st_dev != named.st_dev || opened.st_ino != named.st_ino)
		return store_fail(s, STORE_REFUSED,
		    "%s was exchanged for another directory while it was "
		    "opened",
		    s->dir);
	if (o->identity[1] != 0 &&
	    memcmp(o->identity, s->identity, sizeof(s->identity)) != 0)
		return store_fail(s, STORE_REFUSED,
		    "another store is in %s than the one that this kvd began "
		    "with: put that one back, or stop kvd and start it again",
		    s->dir);
	return STORE_OK;
}

void
store_identity(const struct store *s, uint64_t id[2])
{
	memcpy(id, s->identity, sizeof(s->identity));
}

/*
 * The parent may be a directory that may be searched and not read, and some
 * file systems sync no directories.  syncfs(2) writes more than is needed,
 * once in the life of a store.
 */
static int
sync_parent(struct store *s)
{
	int fd, rc;

	fd = openat(s->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return syncfs(s->dirfd);
	rc = fsync(fd);
	(void)close(fd);
	return rc == -1 && errno == EINVAL ? syncfs(s->dirfd) : rc;
}

enum store_result
store_sync_directory(struct store *s)
{
	int rc;

	rc = fsync(s->dirfd);
	if (rc == -1 && errno == EINVAL)
		rc = syncfs(s->dirfd);
	if (rc == -1 || sync_parent(s) == -1)
		return refuse_errno(s, "cannot make the directory durable");
	return STORE_OK;
}
