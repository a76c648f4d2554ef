/*
 * store_space: how much of the disk the store has and may take.  Runs in the
 * registry.
 *
 * The data file is allocated ahead (posix_fallocate), so that a full disk is
 * found when the map grows and not in the middle of a commit, whose failure
 * would leave its outcome unknown.
 */

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "store/store_lmdb.h"

/* Usual step of growth, as a fraction of the file. */
#define GROW_FRACTION 8
/* Smallest step worth trying on a disk that is nearly full. */
#define GROW_LEAST ((size_t)256 << 10)
/*
 * Kept back for deleting from a full store: a delete rewrites the pages on
 * its path and some of the free list, and those are free again only two
 * commits later.  256 pages are many times that.
 */
#define RESERVE ((size_t)1 << 20)

/* Pages that a write may take besides its own bytes: a path, split, in each
 * database, and the free list's. */
#define WRITE_PAGES 32

enum store_result
store_data_size(struct store *s, size_t *size)
{
	struct stat st;

	if (fstat(s->fd, &st) == -1)
		return store_fail(s, STORE_FAILED, "%s/data.mdb: %s", s->dir,
		    strerror(errno));
	*size = (size_t)st.st_size;
	return STORE_OK;
}

bool
store_allocate(const struct store *s, size_t from, size_t size)
{
	int rc;

	do
		rc = posix_fallocate(s->fd, (off_t)from, (off_t)size);
	while (rc == EINTR);
	return rc == 0;
}

/* Where the map ends when the reserve is not to be used. */
size_t
store_map_limit(const struct store *s)
{
	return s->allocated > 2 * RESERVE ? s->allocated - RESERVE :
					    s->allocated;
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
 * Pages on the free list that may be used: its keys are the commits that freed
 * them, and each of its records begins with their number.  What a pin still
 * shows is no room.
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

/*
 * Deleting from a full store uses up the reserve's pages and frees others.
 * Until the file grows again, writes have to leave as many free as the
 * reserve had.
 */
enum store_result
store_measure_room(struct store *s)
{
	size_t used = store_used_pages(s), free_pages;
	enum store_result result;
	struct store_view *view;

	s->room = SIZE_MAX;
	if (used * s->page_size <= store_map_limit(s))
		return STORE_OK;
	/* LMDB shows the free list to readers only. */
	if ((result = store_snapshot(s, &view)) != STORE_OK)
		return result;
	result = store_lmdb_result(s, "count pages",
	    count_free_pages(view->txn, store_oldest_pin(s), &free_pages));
	if (result != STORE_OK)
		return result;
	free_pages += s->allocated / s->page_size - used;
	s->room = free_pages > RESERVE / s->page_size ?
	    free_pages - RESERVE / s->page_size :
	    0;
	return STORE_OK;
}

enum store_result
store_take_room(struct store *s, size_t size)
{
	size_t pages = size / s->page_size + WRITE_PAGES;

	if (s->room == SIZE_MAX)
		return STORE_OK;
	if (pages > s->room)
		return STORE_FULL;
	s->room -= pages;
	return STORE_OK;
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

	if (step < STORE_SIZE_MIN)
		step = STORE_SIZE_MIN;
	step -= step % GROW_LEAST;
	for (; step >= GROW_LEAST; step /= 2) {
		if (!disk_has_room(s, step) ||
		    !store_allocate(s, s->allocated, step))
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
	    mdb_env_set_mapsize(s->env,
		use ? s->allocated : store_map_limit(s)));
}
