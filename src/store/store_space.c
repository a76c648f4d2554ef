/*
 * store_space: how much of the disk data.mdb has and may take.  Runs in the
 * registry and the checkpointer.
 *
 * The file is allocated ahead (fallocate), and a write is refused when
 * the file might not have the space that folding the write will take.  So a
 * full disk is noticed by the request that fills it, and not by a fold.
 */

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/store_lmdb.h"

/* Usual step of growth, as a fraction of the file. */
#define GROW_FRACTION 8
/* Smallest step worth trying on a disk that is nearly full. */
#define GROW_LEAST ((size_t)256 << 10)
/*
 * Kept back for deleting from a full store, and for the pages that a fold
 * copies: it rewrites those on the paths of its keys and some of the free
 * list, and those are free again only two transactions later.
 */
#define RESERVE ((size_t)1 << 20)

enum store_result
store_data_size(struct store *s, size_t *size)
{
	struct stat st;

	if (fstat(s->fd, &st) == -1)
		return store_fail_rc(s, errno, STORE_FAILED, "%s/data.mdb",
		    s->dir);
	*size = (size_t)st.st_size;
	return STORE_OK;
}

/* On a file system that copies on write, a write may find the disk full even
 * where space was allocated. */
bool
store_is_full(int rc)
{
	return rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT ||
	    rc == EFBIG;
}

/*
 * LMDB's own descriptor is for reading alone in the registry.  Where the file
 * system cannot allocate, LMDB's writes have to find the space: to write zeros
 * instead, as posix_fallocate(3) does, could hit a page that the checkpointer
 * has just written.
 */
bool
store_allocate(const struct store *s, size_t from, size_t size)
{
	int fd, rc;

	if ((fd = openat(s->dirfd, "data.mdb",
		 O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return false;
	do
		rc = fallocate(fd, 0, (off_t)from, (off_t)size);
	while (rc == -1 && errno == EINTR);
	if (rc == -1 && (errno == EOPNOTSUPP || errno == ENOSYS))
		rc = 0;
	(void)close(fd);
	return rc == 0;
}

/* A registry's map is larger than the file will ever be. */
static enum store_result
use_size(struct store *s, size_t size)
{
	s->allocated = size;
	return s->role == STORE_REGISTRY ?
	    STORE_OK :
	    store_lmdb_result(s, "map", mdb_env_set_mapsize(s->env, size));
}

enum store_result
store_use_file(struct store *s)
{
	enum store_result result;
	size_t size = 0;

	if ((result = store_data_size(s, &size)) != STORE_OK)
		return result;
	return size > s->allocated ? use_size(s, size) : STORE_OK;
}

/* One past the last page that has ever been used. */
size_t
store_used_pages(const struct store *s)
{
	MDB_envinfo info;

	if (mdb_env_info(s->env, &info) != 0)
		return 0;
	return info.me_last_pgno + 1;
}

/*
 * Pages on the free list that may be used: its keys are the transactions that
 * freed them, and each of its records begins with their number.  What a pin
 * still shows is no room.
 */
static int
count_free_pages(MDB_txn *txn, uint64_t oldest_pin, size_t *pages)
{
	static const MDB_dbi free_list = 0;
	MDB_val key, val;
	MDB_cursor *cursor;
	size_t n, freed_by;
	int rc;

	*pages = 0;
	if ((rc = mdb_cursor_open(txn, free_list, &cursor)) != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
		memcpy(&freed_by, key.mv_data, sizeof(freed_by));
		if (freed_by >= oldest_pin)
			break;
		memcpy(&n, val.mv_data, sizeof(n));
		*pages += n;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

enum store_result
store_measure_space(struct store *s)
{
	enum store_result result;
	size_t used, free_pages;
	MDB_txn *txn = NULL;
	int rc;

	if ((result = store_use_file(s)) != STORE_OK)
		return result;
	used = store_used_pages(s);
	/* LMDB shows the free list to readers only. */
	if ((rc = store_begin_reading(s, &txn)) != 0)
		return store_lmdb_result(s, "count pages", rc);
	rc = count_free_pages(txn, store_oldest_pin(s), &free_pages);
	mdb_txn_abort(txn);
	if (rc != 0)
		return store_lmdb_result(s, "count pages", rc);
	free_pages += s->allocated / s->page_size - used;
	s->space = free_pages * s->page_size;
	s->space_is_old = false;
	return STORE_OK;
}

enum store_result
store_take_space(struct store *s, size_t size, size_t old)
{
	size_t cost = store_fold_cost(s, size);
	size_t had = old == 0 ? 0 : store_fold_cost(s, old);
	size_t wanted = s->counts.reserved + s->sealed_counts.reserved +
	    (s->use_reserve ? 0 : RESERVE);

	cost = cost > had ? cost - had : 0;
	if (cost > 0 && wanted + cost > s->space) {
		s->shortage = SHORT_OF_SPACE;
		return STORE_FULL;
	}
	s->counts.reserved += cost;
	return STORE_OK;
}

/* Has the disk room for `step` bytes more?  A failing fallocate(2)
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
store_extend(struct store *s)
{
	size_t step = s->allocated / GROW_FRACTION;

	if (step < STORE_SIZE_MIN)
		step = STORE_SIZE_MIN;
	step -= step % GROW_LEAST;
	for (; step >= GROW_LEAST; step /= 2) {
		if (!disk_has_room(s, step) ||
		    !store_allocate(s, s->allocated, step))
			continue;
		s->space += step;
		return use_size(s, s->allocated + step);
	}
	return STORE_FULL;
}

/* The log's other segment may have more room than the open one. */
static enum store_result
change_segment(struct store *s)
{
	if (s->table->records == 0)
		return STORE_FULL;
	return store_log_may_seal(s) ? store_log_seal(s) : STORE_BEHIND;
}

enum store_result
store_grow(struct store *s)
{
	store_abort(s);
	store_release(s);
	if (s->shortage == SHORT_OF_LOG)
		return change_segment(s);
	return s->space_is_old ? store_measure_space(s) : store_extend(s);
}

void
store_use_reserve(struct store *s, bool use)
{
	store_abort(s);
	store_release(s);
	s->use_reserve = use;
}
