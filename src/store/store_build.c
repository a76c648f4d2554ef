/*
 * store_build: see store_build.h.  Runs in kvd-maintain.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store/store_build.h"

/* Bytes that a transaction puts, which LMDB keeps in memory until it commits,
 * and what its pages may take. */
#define STEP_BYTES ((size_t)16 << 20)
#define STEP_ROOM ((size_t)64 << 20)

bool
build_makes_row(struct bytes key)
{
	return bytes_are(key, "format") || bytes_are(key, "log") ||
	    bytes_are(key, "folding");
}

static int
begin(struct store_build *b)
{
	b->bytes = 0;
	return mdb_txn_begin(b->env, NULL, 0, &b->txn);
}

static int
open_trees(struct store_build *b)
{
	static const char *const names[DB_COUNT] = { [DB_META] = "meta",
		[DB_BUCKETS] = "buckets",
		[DB_ENTRIES] = "entries",
		[DB_EXPIRIES] = "expiries",
		[DB_DROPPED] = "dropped",
		[DB_OUTCOMES] = "outcomes" };
	int db, rc = 0;

	for (db = 0; db < DB_COUNT && rc == 0; db++)
		rc = mdb_dbi_open(b->txn, names[db], MDB_CREATE,
		    &b->store.dbi[db]);
	return rc;
}

int
build_open(struct store_build *b, const char *dir)
{
	char path[PATH_MAX];
	MDB_stat st;
	int rc;

	memset(b, 0, sizeof(*b));
	b->sizes = (struct sizes_count){ .store = &b->store, .txn = &b->txn };
	if ((size_t)snprintf(path, sizeof(path), "%s/" BUILD_NAME, dir) >=
	    sizeof(path))
		return ENAMETOOLONG;
	b->map_size = STEP_ROOM;
	if ((rc = mdb_env_create(&b->env)) != 0 ||
	    (rc = mdb_env_set_maxdbs(b->env, DB_COUNT)) != 0 ||
	    (rc = mdb_env_set_mapsize(b->env, b->map_size)) != 0 ||
	    (rc = mdb_env_open(b->env, path,
		 MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600)) != 0 ||
	    (rc = mdb_env_stat(b->env, &st)) != 0 || (rc = begin(b)) != 0)
		return rc;
	b->page_size = st.ms_psize;
	return open_trees(b);
}

static int
commit(struct store_build *b)
{
	int rc;

	if (b->cursor != NULL)
		mdb_cursor_close(b->cursor);
	b->cursor = NULL;
	rc = mdb_txn_commit(b->txn);
	b->txn = NULL;
	return rc;
}

/* Commits what has been put, and takes more of the map for the rest. */
static int
step(struct store_build *b, size_t size)
{
	MDB_envinfo info;
	size_t want;
	int rc;

	if ((rc = commit(b)) != 0 || (rc = mdb_env_info(b->env, &info)) != 0)
		return rc;
	want = (info.me_last_pgno + 1) * b->page_size + STEP_ROOM + 2 * size;
	if (want > b->map_size) {
		b->map_size = want + want / 2;
		if ((rc = mdb_env_set_mapsize(b->env, b->map_size)) != 0)
			return rc;
	}
	return begin(b);
}

int
build_put(struct store_build *b, unsigned int db, struct bytes key,
    struct bytes value)
{
	MDB_val k = record_val(key), v = record_val(value);
	size_t size = key.size + value.size;
	int rc = 0;

	if (db >= DB_COUNT || key.size == 0 || key.size > TABLE_KEY_MAX)
		return MDB_BAD_VALSIZE;
	/* Small ones take more than they have. */
	b->bytes += size + 64;
	if (b->bytes > STEP_BYTES)
		rc = step(b, size);
	if (rc == 0 && (b->cursor == NULL || b->db != db)) {
		if (b->cursor != NULL)
			mdb_cursor_close(b->cursor);
		b->db = db;
		rc = mdb_cursor_open(b->txn, b->store.dbi[db], &b->cursor);
	}
	if (rc == 0 && b->counts && db == DB_ENTRIES)
		rc = sizes_count_entry(&b->sizes, key, value);
	return rc == 0 ? mdb_cursor_put(b->cursor, &k, &v, MDB_APPEND) : rc;
}

int
build_finish(struct store_build *b, const struct fold_state *state)
{
	int rc;

	if ((rc = sizes_count_end(&b->sizes)) != 0 ||
	    (rc = fold_put_state(&b->store, b->txn, state)) != 0 ||
	    (rc = store_put_format(&b->store, b->txn)) != 0 ||
	    (rc = commit(b)) != 0)
		return rc;
	return mdb_env_sync(b->env, 1);
}

void
build_close(struct store_build *b)
{
	if (b->cursor != NULL)
		mdb_cursor_close(b->cursor);
	if (b->txn != NULL)
		mdb_txn_abort(b->txn);
	if (b->env != NULL)
		mdb_env_close(b->env);
	b->cursor = NULL;
	b->txn = NULL;
	b->env = NULL;
}
