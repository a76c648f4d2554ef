/*
 * store_lmdb: the store on LMDB: opening, growing, and what begins and ends
 * a view.  What is in a view is store_entry.c's.  Runs in the registry.
 *
 * The data file is allocated ahead (posix_fallocate), so that a full disk is
 * found when the map grows and not in the middle of a commit, whose failure
 * would leave its outcome unknown.
 */

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <libutil.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_lmdb.h"

/* Smallest and, as a fraction of the file, usual step of growth. */
#define GROW_MIN ((size_t)4 << 20)
#define GROW_FRACTION 8
/* Smallest step worth trying on a disk that is nearly full. */
#define GROW_LEAST ((size_t)256 << 10)
/*
 * Kept back for deleting from a full store: a delete rewrites the pages on
 * its path and some of the free list, and those are free again only two
 * commits later.  256 pages are many times that.
 */
#define RESERVE ((size_t)1 << 20)

#define LOCK_POLL_MS 20

enum store_result
store_fail(struct store *s, enum store_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	return result;
}

enum store_result
store_lmdb_result(struct store *s, const char *what, int rc)
{
	switch (rc) {
	case 0:
		return STORE_OK;
	case MDB_MAP_FULL:
		return STORE_FULL;
	default:
		return store_fail(s, STORE_FAILED, "%s/data.mdb: %s: %s",
		    s->dir, what, mdb_strerror(rc));
	}
}

const char *
store_error(const struct store *s)
{
	return s == NULL ? "out of memory" : s->error;
}

static enum store_result
refuse_errno(struct store *s, const char *what)
{
	return store_fail(
	    s, STORE_REFUSED, "%s: %s: %s", s->dir, what, strerror(errno));
}

/*
 * A name in a directory is durable when the directory is; LMDB leaves that
 * to its caller.
 */
static int
sync_directory(int dirfd, const char *path)
{
	int fd, rc;

	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = fsync(fd);
	(void)close(fd);
	return rc;
}

static enum store_result
open_directory(struct store *s)
{
	if (mkdir(s->dir, 0700) == -1 && errno != EEXIST)
		return refuse_errno(s, "cannot create data directory");
	s->dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd == -1)
		return refuse_errno(s, "cannot open data directory");
	return STORE_OK;
}

static enum store_result
refuse_locked(struct store *s)
{
	char owner[32] = "";
	ssize_t n;
	int fd;

	fd = openat(s->dirfd, "lock", O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, owner, sizeof(owner) - 1);
		owner[n < 0 ? 0 : n] = '\0';
		(void)close(fd);
	}
	owner[strspn(owner, "0123456789")] = '\0';
	return store_fail(s, STORE_REFUSED,
	    "%s: data directory in use by another kvd (pid %s)", s->dir,
	    owner[0] == '\0' ? "unknown" : owner);
}

/* One owner at a time; a killed one's lock goes when the kernel is done. */
static enum store_result
lock_directory(struct store *s, const struct store_options *o)
{
	static const struct timespec pause = { .tv_nsec =
						   LOCK_POLL_MS * 1000000 };
	int waited_ms;

	for (waited_ms = 0;; waited_ms += LOCK_POLL_MS) {
		s->lockfd = flopenat(s->dirfd, "lock",
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
		if (s->lockfd != -1)
			break;
		if (errno != EWOULDBLOCK)
			return refuse_errno(s, "cannot lock data directory");
		if (waited_ms >= o->lock_wait_ms)
			return refuse_locked(s);
		(void)nanosleep(&pause, NULL);
	}
	if (ftruncate(s->lockfd, 0) == -1 ||
	    dprintf(s->lockfd, "%ld\n", o->owner_pid) < 0)
		return refuse_errno(s, "cannot write lock file");
	return STORE_OK;
}

static size_t
data_file_size(const struct store *s)
{
	struct stat st;

	if (fstatat(s->dirfd, "data.mdb", &st, 0) == -1)
		return 0;
	return (size_t)st.st_size;
}

/* Where the map ends when the reserve is not to be used. */
static size_t
map_limit(const struct store *s)
{
	return s->allocated > 2 * RESERVE ? s->allocated - RESERVE :
					    s->allocated;
}

static enum store_result
open_environment(struct store *s, const struct store_options *o)
{
	unsigned int flags = MDB_NOTLS;
	int rc;

	if (o->sync_ms != STORE_SYNC_ALWAYS)
		flags |= MDB_NOSYNC;
	rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, 8);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env,
		    s->allocated < GROW_MIN ? GROW_MIN : map_limit(s));
	if (rc == 0)
		rc = mdb_env_open(s->env, s->dir, flags, 0600);
	if (rc == 0)
		rc = mdb_env_get_fd(s->env, &s->fd);
	if (rc != 0)
		return store_fail(s, STORE_REFUSED,
		    "%s/data.mdb: cannot open: %s", s->dir, mdb_strerror(rc));
	return STORE_OK;
}

static int
open_databases(struct store *s, MDB_txn *txn, unsigned int flags)
{
	int rc;

	rc = mdb_dbi_open(txn, "meta", flags, &s->meta);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "buckets", flags, &s->buckets);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "entries", flags, &s->entries);
	return rc;
}

static enum store_result
create_format(struct store *s)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (rc != 0)
		return store_lmdb_result(s, "begin", rc);
	rc = open_databases(s, txn, MDB_CREATE);
	if (rc == 0)
		rc = store_put_format(s, txn);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return store_lmdb_result(s, "create", rc);
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		rc = mdb_env_sync(s->env, 1);
	if (rc != 0)
		return store_lmdb_result(s, "create", rc);
	if (sync_directory(s->dirfd, ".") == -1 ||
	    sync_directory(s->dirfd, "..") == -1)
		return store_fail(s, STORE_FAILED, "%s: fsync: %s", s->dir,
		    strerror(errno));
	return STORE_OK;
}

/* Opens the databases, made anew if there is nothing at all. */
static enum store_result
open_format(struct store *s)
{
	uint32_t format;
	MDB_txn *txn;
	MDB_stat st;
	int rc;

	if ((rc = mdb_env_stat(s->env, &st)) != 0)
		return store_lmdb_result(s, "stat", rc);
	if (st.ms_entries == 0)
		return create_format(s);
	if ((rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)) != 0)
		return store_lmdb_result(s, "begin", rc);
	rc = mdb_dbi_open(txn, "meta", 0, &s->meta);
	if (rc == 0)
		rc = store_get_format(s, txn, &format);
	if (rc == 0 && format == STORE_FORMAT)
		rc = open_databases(s, txn, 0);
	mdb_txn_commit(txn); /* keeps the handles; there is nothing to write */
	if (rc != 0)
		return store_fail(s, STORE_REFUSED,
		    "%s/data.mdb: not a kvd store: %s", s->dir,
		    mdb_strerror(rc));
	if (format != STORE_FORMAT)
		return store_fail(s, STORE_REFUSED,
		    "%s: data format %lu, this kvd reads format %d; "
		    "use the kvd that wrote it", s->dir,
		    (unsigned long)format, STORE_FORMAT);
	return STORE_OK;
}

/*
 * Allocates what the map already spans.  When the disk has no room for it
 * the store still opens, and takes what can be had later.
 */
static enum store_result
allocate_map(struct store *s)
{
	size_t want = s->allocated < GROW_MIN ? GROW_MIN : s->allocated;

	if (posix_fallocate(s->fd, 0, (off_t)want) == 0)
		s->allocated = want;
	else
		s->allocated = data_file_size(s);
	return store_use_reserve(s, false);
}

enum store_result
store_open(struct store **store, const struct store_options *o)
{
	enum store_result result;
	struct store *s;

	*store = s = calloc(1, sizeof(*s));
	if (s == NULL)
		return STORE_FAILED;
	s->dirfd = s->lockfd = -1;
	s->sync_ms = o->sync_ms;
	s->snapshot.store = s->batch.store = s;
	s->batch.writes = true;
	if ((s->dir = strdup(o->dir)) == NULL)
		return store_fail(s, STORE_FAILED, "out of memory");
	if ((result = open_directory(s)) != STORE_OK ||
	    (result = lock_directory(s, o)) != STORE_OK)
		return result;
	s->allocated = data_file_size(s);
	if ((result = open_environment(s, o)) != STORE_OK ||
	    (result = open_format(s)) != STORE_OK)
		return result;
	return allocate_map(s);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_abort(s);
	if (s->snapshot.txn != NULL)
		mdb_txn_abort(s->snapshot.txn);
	if (s->unsynced)
		(void)store_sync(s);
	if (s->env != NULL)
		mdb_env_close(s->env);
	if (s->lockfd != -1)
		(void)close(s->lockfd);
	if (s->dirfd != -1)
		(void)close(s->dirfd);
	free(s->dir);
	free(s);
}

enum store_result
store_snapshot(struct store *s, struct store_view **view)
{
	int rc = 0;

	*view = &s->snapshot;
	if (s->snapshot.open)
		return STORE_OK;
	/* The first begins a transaction, the others reuse its reader slot. */
	if (s->snapshot.txn == NULL)
		rc = mdb_txn_begin(
		    s->env, NULL, MDB_RDONLY, &s->snapshot.txn);
	else
		rc = mdb_txn_renew(s->snapshot.txn);
	s->snapshot.open = rc == 0;
	return store_lmdb_result(s, "snapshot", rc);
}

void
store_release(struct store *s)
{
	if (!s->snapshot.open)
		return;
	mdb_txn_reset(s->snapshot.txn);
	store_view_forget(&s->snapshot);
}

enum store_result
store_batch(struct store *s, struct store_view **view)
{
	int rc;

	*view = &s->batch;
	if (s->batch.open)
		return STORE_OK;
	rc = mdb_txn_begin(s->env, NULL, 0, &s->batch.txn);
	s->batch.open = rc == 0;
	return store_lmdb_result(s, "begin", rc);
}

bool
store_batch_open(const struct store *s)
{
	return s->batch.open;
}

enum store_result
store_commit(struct store *s)
{
	enum store_result result;
	int rc;

	result = store_view_write_back(&s->batch);
	if (result != STORE_OK) {
		store_abort(s);
		return result;
	}
	rc = mdb_txn_commit(s->batch.txn);
	store_view_forget(&s->batch);
	if (rc == 0 && s->sync_ms != STORE_SYNC_ALWAYS)
		s->unsynced = true;
	return store_lmdb_result(s, "commit", rc);
}

void
store_abort(struct store *s)
{
	if (!s->batch.open)
		return;
	mdb_txn_abort(s->batch.txn);
	store_view_forget(&s->batch);
}

enum store_result
store_sync(struct store *s)
{
	int rc = mdb_env_sync(s->env, 1);

	if (rc == 0)
		s->unsynced = false;
	return store_lmdb_result(s, "sync", rc);
}

bool
store_unsynced(const struct store *s)
{
	return s->unsynced;
}

/* Has the disk room for `step` bytes more?  A failing posix_fallocate(3)
 * may have eaten what there was. */
static bool
disk_has_room(const struct store *s, size_t step)
{
	struct statvfs vfs;

	if (fstatvfs(s->fd, &vfs) == -1)
		return true;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize > step;
}

enum store_result
store_grow(struct store *s)
{
	size_t step = s->allocated / GROW_FRACTION;

	if (step < GROW_MIN)
		step = GROW_MIN;
	step -= step % GROW_LEAST;
	for (; step >= GROW_LEAST; step /= 2) {
		if (!disk_has_room(s, step) ||
		    posix_fallocate(
			s->fd, (off_t)s->allocated, (off_t)step) != 0)
			continue;
		s->allocated += step;
		return store_use_reserve(s, false);
	}
	store_abort(s);
	store_release(s);
	return STORE_FULL;
}

enum store_result
store_use_reserve(struct store *s, bool use)
{
	store_abort(s);
	store_release(s);
	/* LMDB never makes the map smaller than what is in it. */
	return store_lmdb_result(s, "map",
	    mdb_env_set_mapsize(s->env, use ? s->allocated : map_limit(s)));
}
