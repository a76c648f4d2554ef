/*
 * store_view: what begins and ends a view of the store, and commits the
 * batch.  Runs in the registry.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "store/store_head.h"
#include "store/store_watch.h"

#define BEGIN_TRIES 1000

enum store_result
store_fail(struct store *s, enum store_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	s->lacks = false;
	return result;
}

enum store_result
store_fail_rc(struct store *s, int rc, enum store_result result,
    const char *format, ...)
{
	size_t size;
	va_list args;

	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	size = strlen(s->error);
	snprintf(s->error + size, sizeof(s->error) - size, ": %s",
	    mdb_strerror(rc));
	s->lacks = store_is_lack(rc);
	return result;
}

enum store_result
store_fail_memory(struct store *s, const char *what)
{
	(void)store_fail(s, STORE_FAILED, "no memory for %s", what);
	s->lacks = true;
	return STORE_FAILED;
}

enum store_result
store_lmdb_result(struct store *s, const char *what, int rc)
{
	switch (rc) {
	case 0:
		return STORE_OK;
	case MDB_MAP_FULL:
		return STORE_FULL;
	case GUARD_DAMAGED:
		return STORE_FAILED; /* it has said why */
	default:
		return store_fail_rc(s, rc, STORE_FAILED, "%s/data.mdb: %s",
		    s->dir, what);
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
	if (s->area != NULL && size == s->cache_size)
		return STORE_OK;
	if (s->area == NULL)
		s->area =
		    area_writer_open(&s->memory, &s->epoch, s->clock_base_ms);
	s->cache_size = 0;
	if (s->area == NULL || area_writer_resize(s->area, size) == -1)
		return store_fail_memory(s, "the cache");
	s->cache_size = size;
	return STORE_OK;
}

bool
store_shares_cache(const struct store *s)
{
	return area_writer_is_shared(s->area);
}

size_t
store_cache_filled(struct store *s)
{
	return area_writer_filled(s->area);
}

int
store_epoch_fd(const struct store *s)
{
	return s->epoch.read_fd;
}

const char *
store_error(const struct store *s)
{
	return s == NULL ? "out of memory" : s->error;
}

int
store_exit_status(const struct store *s)
{
	return s == NULL || s->lacks ? EX_OSERR : EX_IOERR;
}

uint64_t
store_revision(const struct store_view *v)
{
	return v->revision;
}

/* The first begins a transaction, the others reuse its reader slot. */
static int
begin(struct store *s, MDB_txn **txn)
{
	return *txn == NULL ? mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn) :
			      mdb_txn_renew(*txn);
}

/* Where addresses are scarce the map may be smaller than the file has become
 * (store_open.c); it is then made as large as the checkpointer's. */
int
store_begin_reading(struct store *s, MDB_txn **txn)
{
	int rc;

	if ((rc = begin(s, txn)) == MDB_MAP_RESIZED &&
	    (rc = mdb_env_set_mapsize(s->env, 0)) == 0)
		rc = begin(s, txn);
	return rc;
}

/* A fold may write over the first page of the transaction meanwhile, which has
 * its number when the next but one ends: then that one is read. */
static enum store_result
begin_view(struct store_view *v)
{
	struct store *s = v->store;
	enum store_result result;
	bool gone;
	int rc, tries;

	for (tries = 0; tries < BEGIN_TRIES; tries++) {
		if ((rc = store_begin_reading(s, &v->txn)) != 0)
			return store_lmdb_result(s, "snapshot", rc);
		result =
		    store_trees_find(s, &v->data, mdb_txn_id(v->txn), &gone);
		if (result == STORE_OK && !gone)
			return STORE_OK;
		mdb_txn_reset(v->txn);
		if (result != STORE_OK)
			return result;
	}
	return store_fail(s, STORE_FAILED,
	    "%s/data.mdb: the first page of its last transaction is not there",
	    s->dir);
}

enum store_result
store_view_open(struct store_view *v, uint64_t revision)
{
	struct store *s = v->store;
	enum store_result result;

	if ((result = begin_view(v)) != STORE_OK)
		return result;
	v->tables[0] = table_hold(s->table);
	v->tables[1] = s->sealed == NULL ? NULL : table_hold(s->sealed);
	v->revision = revision;
	v->totals =
	    s->batch.open ? s->batch_mark.counts.totals : s->counts.totals;
	v->open = v->cacheable = true;
	return STORE_OK;
}

void
store_view_close(struct store_view *v)
{
	if (v->open)
		mdb_txn_reset(v->txn);
	table_drop(v->tables[0]);
	table_drop(v->tables[1]);
	v->tables[0] = v->tables[1] = NULL;
	v->open = v->known = v->changed = v->counted = false;
	v->new_from = v->put_expiry = 0;
}

enum store_result
store_snapshot(struct store *s, struct store_view **view)
{
	*view = &s->snapshot;
	return s->snapshot.open ? STORE_OK :
				  store_view_open(&s->snapshot, s->revision);
}

void
store_release(struct store *s)
{
	store_view_close(&s->snapshot);
}

enum store_result
store_batch(struct store *s, struct store_view **view)
{
	enum store_result result;

	*view = &s->batch;
	if (s->batch.open)
		return STORE_OK;
	if (!store_may_write(s))
		return STORE_BEHIND;
	if ((result = store_log_begin(s)) != STORE_OK ||
	    (result = store_view_open(&s->batch, s->revision + 1)) != STORE_OK)
		return result;
	s->batch_mark = (struct store_mark){ table_mark(s->table), s->counts };
	return STORE_OK;
}

bool
store_batch_open(const struct store *s)
{
	return s->batch.open;
}

size_t
store_batch_size(const struct store *s)
{
	return s->batch.open ? s->table->end - s->table->commit : 0;
}

size_t
store_batch_max(const struct store *s)
{
	return store_log_commit_max(s);
}

static void
end_batch(struct store *s)
{
	s->saved.open = false;
	store_view_close(&s->batch);
	area_writer_end_batch(s->area);
}

enum store_result
store_commit(struct store *s)
{
	enum store_result result;

	if (!s->batch.open)
		return STORE_OK;
	store_keep(s);
	result = store_view_write_back(&s->batch);
	/* Without a record there is nothing to commit. */
	if (result == STORE_OK &&
	    s->table->records > s->batch_mark.table.records) {
		area_writer_fence(s->area);
		result = store_log_append(s);
	}
	if (result != STORE_OK) {
		store_abort(s);
		return result;
	}
	s->snapshot.cacheable = false;
	store_cache_again(&s->batch);
	store_heads_commit(s);
	due_commit(s);
	end_batch(s);
	return STORE_OK;
}

static void
go_back(struct store *s, const struct store_mark *mark)
{
	table_cut(s->table, mark->table);
	s->counts = mark->counts;
	store_heads_undo(s);
}

void
store_abort(struct store *s)
{
	if (!s->batch.open)
		return;
	go_back(s, &s->batch_mark);
	end_batch(s);
}

void
store_save(struct store *s)
{
	s->saved = s->batch;
	s->savepoint = (struct store_mark){ table_mark(s->table), s->counts };
}

void
store_keep(struct store *s)
{
	s->saved.open = false;
}

void
store_undo(struct store *s)
{
	if (!s->saved.open)
		return;
	go_back(s, &s->savepoint);
	s->batch = s->saved;
	s->saved.open = false;
}

enum store_result
store_sync(struct store *s)
{
	return store_log_sync(s);
}

bool
store_unsynced(const struct store *s)
{
	return s->durable < s->revision;
}

enum store_result
store_set_sync(struct store *s, int sync_ms)
{
	s->sync_ms = sync_ms;
	return sync_ms != STORE_SYNC_NEVER && store_unsynced(s) ?
	    store_sync(s) :
	    STORE_OK;
}
