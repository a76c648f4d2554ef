/*
 * store_drop: buckets that go: by name at once, their entries little by
 * little, in data.mdb alone.  Runs in the registry, and purging in the
 * checkpointer.
 *
 * An id is never used again: what the log has of a dropped bucket comes before
 * its drop, and is folded before that is.
 */

#include <string.h>

#include "store/store_record.h"

#define DROPPED_SIZE 12
#define DROPPED_SUM 8 /* where the checksum is */

/* A record of `dropped`. */
struct dropped {
	uint8_t key[ID_SIZE];
	uint64_t id;
	uint64_t count; /* entries left */
};

static struct bytes
fill_dropped(struct dropped *d, uint8_t data[DROPPED_SIZE])
{
	struct bytes key = { d->key, sizeof(d->key) };

	record_put_be64(d->key, d->id);
	record_put_le64(data, d->count);
	record_put_le32(data + DROPPED_SUM,
	    record_sum(key, data, DROPPED_SIZE, DROPPED_SUM));
	return key;
}

/*
 * The pages of a damaged bucket are not touched any more: only its name goes.
 * Nor is a bucket purged whose own record, which has its id, is damaged.
 */
static enum store_result
drop_name(struct store_view *v, struct bytes bucket)
{
	struct segment_totals *totals = &v->store->counts.totals;
	enum store_result result;
	struct bytes record;

	result = layer_get(v, DB_BUCKETS, bucket, &record);
	/* It may have been read before it was damaged. */
	area_writer_forget_name(v->store->area, bucket);
	if (result == STORE_OK)
		result = layer_delete(v, DB_BUCKETS, bucket);
	if (result != STORE_OK)
		return result;
	totals->buckets--;
	v->store->counts.damaged -= v->store->counts.damaged > 0;
	return STORE_OK;
}

enum store_result
store_drop(struct store_view *v, struct bytes bucket)
{
	struct segment_totals *totals = &v->store->counts.totals;
	uint8_t record[DROPPED_SIZE], *data;
	enum store_result result;
	struct dropped d;
	struct bytes key;
	uint64_t replaced;
	int rc;

	result = store_find_bucket(v, bucket);
	if (result == STORE_DAMAGED)
		return drop_name(v, bucket);
	if (result != STORE_OK)
		return result;
	/* With the open puts that are not folded, so perhaps too many. */
	rc = replaced_get(v->store, v->txn, v->id, &replaced);
	if (rc != 0)
		return store_lmdb_result(v->store, "drop", rc);
	d.id = v->id;
	d.count = v->count > replaced ? v->count - replaced : 0;
	v->known = v->changed = false;
	area_writer_forget_name(v->store->area, bucket);
	key = fill_dropped(&d, record);
	if ((result = layer_delete(v, DB_BUCKETS, bucket)) != STORE_OK ||
	    (result = layer_put(v, DB_DROPPED, key, sizeof(record), &data)) !=
		STORE_OK)
		return result;
	memcpy(data, record, sizeof(record));
	totals->buckets--;
	totals->keys -= d.count;
	totals->dropped++;
	return STORE_OK;
}

/* What a transaction has purged. */
struct purge {
	struct store *store;
	MDB_txn *txn;
	size_t max; /* entries that it may still remove */
	uint64_t bytes; /* that it has removed of the bucket */
	struct fold_purged purged;
	bool damaged;
};

/*
 * The first dropped bucket whose pages are not damaged.  A record that is
 * damaged is taken away: its id may be a living bucket's.  MDB_NOTFOUND: there
 * is none.
 */
static int
first_dropped(struct purge *p, struct dropped *d)
{
	MDB_val key, val;
	MDB_cursor *cursor;
	MDB_cursor_op op;
	int rc;

	rc = mdb_cursor_open(p->txn, p->store->dbi[DB_DROPPED], &cursor);
	if (rc != 0)
		return rc;
	for (op = MDB_FIRST; (rc = mdb_cursor_get(cursor, &key, &val, op)) == 0;
	     op = MDB_NEXT) {
		if (key.mv_size == ID_SIZE && val.mv_size == DROPPED_SIZE &&
		    record_is_sound(record_bytes(key), record_bytes(val),
			DROPPED_SUM)) {
			d->id = record_get_be64(key.mv_data);
			if (store_is_damaged(p->store, d->id))
				continue;
			d->count = record_get_le64(val.mv_data);
			break;
		}
		p->damaged = true;
		p->purged.buckets++;
		if ((rc = mdb_cursor_del(cursor, 0)) != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return rc;
}

/* Removes an entry, and its row of `expiries`. */
static int
purge_entry(struct purge *p, MDB_cursor *cursor, struct bytes key)
{
	MDB_val k = record_val(key), val;
	int rc;

	if ((rc = guard_write(p->store, DB_ENTRIES, key, true)) != 0)
		return rc;
	if ((rc = mdb_cursor_get(cursor, &k, &val, MDB_SET)) != 0)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	p->bytes += sizes_of_entry(key, record_bytes(val));
	rc = expiry_remove_row(p->store, p->txn, key, record_bytes(val),
	    &p->purged);
	return rc == 0 ? mdb_cursor_del(cursor, 0) : rc;
}

/* Is it at an entry of this bucket?  1, 0, or -1 if a page is damaged. */
static int
is_at(const struct tree_cursor *c, int found, const struct entry_key *first)
{
	struct bytes key;

	if (found != 1)
		return found;
	key = tree_key(c);
	return key.size >= ID_SIZE &&
	    memcmp(key.data, first->data, ID_SIZE) == 0;
}

/* Removes entries as long as it may.  *empty: there are no more.  They are
 * looked for among those that there were when the transaction began. */
static int
purge_bucket(struct purge *p, struct dropped *d, bool *empty)
{
	const struct store_trees *data = &p->store->guard.data;
	struct entry_key first;
	struct tree_cursor at;
	MDB_cursor *cursor;
	int rc, found;

	p->bytes = 0;
	rc = mdb_cursor_open(p->txn, p->store->dbi[DB_ENTRIES], &cursor);
	if (rc != 0)
		return rc;
	entry_key_make(&first, d->id, (struct bytes){ NULL, 0 });
	found =
	    tree_seek(&at, &data->map, &data->trees[DB_ENTRIES], first.bytes);
	while ((found = is_at(&at, found, &first)) == 1 && p->max > 0) {
		if ((rc = purge_entry(p, cursor, tree_key(&at))) != 0)
			break;
		p->max--;
		d->count -= d->count > 0;
		found = tree_next(&at);
	}
	mdb_cursor_close(cursor);
	*empty = found == 0;
	if (found != -1)
		return rc;
	(void)store_fail_page(p->store, &at);
	return GUARD_DAMAGED;
}

/* Stores what is left of it, or that nothing is. */
static int
put_dropped(struct purge *p, struct dropped *d, bool empty)
{
	uint8_t data[DROPPED_SIZE];
	MDB_val key = record_val(fill_dropped(d, data));
	MDB_val val = { sizeof(data), data };
	MDB_dbi dbi = p->store->dbi[DB_DROPPED];
	int rc;

	if (!empty) {
		rc = sizes_add(p->store, p->txn, d->id, -p->bytes);
		return rc == 0 ? mdb_put(p->txn, dbi, &key, &val, 0) : rc;
	}
	p->purged.buckets++;
	if ((rc = mdb_del(p->txn, dbi, &key, NULL)) != 0 ||
	    (rc = sizes_forget(p->store, p->txn, d->id)) != 0)
		return rc;
	return replaced_forget(p->store, p->txn, d->id, d->count);
}

static int
purge_all(struct purge *p)
{
	struct dropped d;
	bool empty = true;
	int rc;

	rc = fold_get_purged(p->store, p->txn, &p->purged);
	while (rc == 0 && empty && (rc = first_dropped(p, &d)) == 0) {
		rc = purge_bucket(p, &d, &empty);
		if (rc == 0)
			rc = put_dropped(p, &d, empty);
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	return fold_put_purged(p->store, p->txn, &p->purged);
}

/* What a sealed segment has may be entries of buckets that are dropped in
 * data.mdb already. */
enum store_result
store_purge(struct store *s, size_t max, bool *more)
{
	struct purge p = { .store = s, .max = max };
	enum store_result result;
	int rc;

	*more = false;
	store_abort(s);
	if (s->sealed != NULL)
		return STORE_OK;
	if ((result = store_use_file(s)) != STORE_OK)
		return result;
	if ((rc = mdb_txn_begin(s->env, NULL, 0, &p.txn)) != 0)
		return store_lmdb_result(s, "purge", rc);
	if ((rc = guard_begin(s, p.txn)) == 0 && (rc = purge_all(&p)) == 0)
		rc = mdb_txn_commit(p.txn);
	else
		mdb_txn_abort(p.txn);
	if (store_is_full(rc))
		return guard_full(s);
	if (rc != 0)
		return store_lmdb_result(s, "purge", rc);
	*more = p.max == 0;
	if (p.damaged)
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of a dropped bucket's record does not match",
		    s->dir);
	return s->role == STORE_CHECKPOINTER ? STORE_OK :
					       store_measure_space(s);
}
