/*
 * store_lmdb: what begins and ends a view of the store on LMDB.  Runs in the
 * registry.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/store_lmdb.h"

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

void
store_set_now(struct store *s, int64_t now_ms)
{
	s->now_ms = now_ms;
}

enum store_result
store_set_cache(struct store *s, size_t size)
{
	if (size == s->cache_size)
		return STORE_OK;
	store_cache_close(s->cache);
	s->cache_size = 0;
	if (store_cache_open(&s->cache, size) == -1)
		return store_fail(s, STORE_FAILED, "no memory for the cache");
	s->cache_size = size;
	return STORE_OK;
}

const char *
store_error(const struct store *s)
{
	return s == NULL ? "out of memory" : s->error;
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
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->snapshot.txn);
	else
		rc = mdb_txn_renew(s->snapshot.txn);
	s->snapshot.open = s->snapshot.cacheable = rc == 0;
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
	return rc == 0 ? store_measure_room(s) :
			 store_lmdb_result(s, "begin", rc);
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

	result = store_keep(s);
	if (result == STORE_OK)
		result = store_view_write_back(&s->batch);
	if (result != STORE_OK) {
		store_abort(s);
		return result;
	}
	rc = mdb_txn_commit(s->batch.txn);
	store_view_forget(&s->batch);
	s->snapshot.cacheable = false;
	store_cache_end_batch(s->cache);
	if (rc == 0 && s->sync_ms != STORE_SYNC_ALWAYS)
		s->unsynced = true;
	return store_lmdb_result(s, "commit", rc);
}

void
store_abort(struct store *s)
{
	if (!s->batch.open)
		return;
	store_undo(s);
	mdb_txn_abort(s->batch.txn);
	store_view_forget(&s->batch);
	store_cache_end_batch(s->cache);
}

/* LMDB's nested transactions: the parent rests while its child lives. */
enum store_result
store_save(struct store *s)
{
	MDB_txn *child;
	int rc;

	rc = mdb_txn_begin(s->env, s->batch.txn, 0, &child);
	if (rc != 0)
		return store_lmdb_result(s, "save", rc);
	s->saved = s->batch;
	s->saved_room = s->room;
	s->batch.txn = child;
	return STORE_OK;
}

enum store_result
store_keep(struct store *s)
{
	int rc;

	if (!s->saved.open)
		return STORE_OK;
	rc = mdb_txn_commit(s->batch.txn);
	s->batch.txn = s->saved.txn;
	s->saved.open = false;
	return store_lmdb_result(s, "keep", rc);
}

void
store_undo(struct store *s)
{
	if (!s->saved.open)
		return;
	mdb_txn_abort(s->batch.txn);
	s->batch = s->saved;
	s->room = s->saved_room;
	s->saved.open = false;
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

enum store_result
store_set_sync(struct store *s, int sync_ms)
{
	int rc;

	rc =
	    mdb_env_set_flags(s->env, MDB_NOSYNC, sync_ms != STORE_SYNC_ALWAYS);
	if (rc != 0)
		return store_lmdb_result(s, "set sync", rc);
	s->sync_ms = sync_ms;
	return sync_ms != STORE_SYNC_NEVER && s->unsynced ? store_sync(s) :
							    STORE_OK;
}
