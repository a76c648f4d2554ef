/*
 * store_drop: buckets that go: by name at once, their entries little by
 * little.  Runs in the registry.
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

static enum store_result
put_dropped(struct store_view *v, struct dropped *d)
{
	struct store *s = v->store;
	uint8_t data[DROPPED_SIZE];
	MDB_val key = { sizeof(d->key), d->key }, val = { sizeof(data), data };

	record_put_be64(d->key, d->id);
	record_put_le64(data, d->count);
	record_put_le32(data + DROPPED_SUM,
	    record_sum(key, data, sizeof(data), DROPPED_SUM));
	return store_lmdb_result(s, "put dropped",
	    mdb_put(v->txn, s->dropped, &key, &val, 0));
}

enum store_result
store_drop(struct store_view *v, struct bytes bucket)
{
	struct store *s = v->store;
	struct dropped d;
	enum store_result result;
	MDB_val key = record_val(bucket);

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	d.id = v->id;
	d.count = v->count;
	v->known = v->changed = false;
	result = store_lmdb_result(s, "drop",
	    mdb_del(v->txn, s->buckets, &key, NULL));
	return result == STORE_OK ? put_dropped(v, &d) : result;
}

/*
 * The first dropped bucket.  A record that is damaged is taken away: its id
 * may be a living bucket's.  STORE_ABSENT: there is none.
 */
static enum store_result
first_dropped(struct store_view *v, struct dropped *d, bool *damaged)
{
	struct store *s = v->store;
	MDB_val key, val;
	MDB_cursor *cursor;
	int rc;

	if ((rc = mdb_cursor_open(v->txn, s->dropped, &cursor)) != 0)
		return store_lmdb_result(s, "dropped", rc);
	while ((rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST)) == 0) {
		if (key.mv_size == ID_SIZE && val.mv_size == DROPPED_SIZE &&
		    record_is_sound(key, val, DROPPED_SUM)) {
			d->id = record_get_be64(key.mv_data);
			d->count = record_get_le64(val.mv_data);
			break;
		}
		*damaged = true;
		if ((rc = mdb_cursor_del(cursor, 0)) != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? STORE_ABSENT :
				    store_lmdb_result(s, "dropped", rc);
}

/* Removes the entry under the cursor, and its row of `expiries`. */
static enum store_result
purge_entry(struct store_view *v, MDB_cursor *cursor, MDB_val key, MDB_val val)
{
	struct store *s = v->store;
	uint64_t expiry = entry_expiry(val);
	enum store_result result = STORE_OK;
	struct entry_key k;

	if (key.mv_size > sizeof(k.data))
		return store_lmdb_result(s, "purge", MDB_CORRUPTED);
	/* No cached record is dropped: nobody asks for this bucket's id again.
	 * Deleting it, or the row, moves what LMDB's pointers point to. */
	memcpy(k.data, key.mv_data, key.mv_size);
	if (expiry != 0)
		result = expiry_delete(s, v->txn, expiry,
		    record_get_be64(k.data),
		    (struct bytes){ k.data + ID_SIZE, key.mv_size - ID_SIZE });
	return result == STORE_OK ?
	    store_lmdb_result(s, "purge", mdb_cursor_del(cursor, 0)) :
	    result;
}

/* Removes up to `*max` entries, and takes them off that. */
static enum store_result
purge_bucket(struct store_view *v, struct dropped *d, size_t *max, bool *empty)
{
	struct store *s = v->store;
	enum store_result result = STORE_OK;
	struct entry_key first;
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc;

	if ((rc = mdb_cursor_open(v->txn, s->entries, &cursor)) != 0)
		return store_lmdb_result(s, "purge", rc);
	for (*empty = false; result == STORE_OK;) {
		entry_key_make(&first, d->id, (struct bytes){ NULL, 0 });
		key = first.val;
		rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
		*empty = rc == MDB_NOTFOUND ||
		    (rc == 0 && memcmp(key.mv_data, first.data, ID_SIZE) != 0);
		if (*empty || rc != 0 || *max == 0)
			break;
		result = purge_entry(v, cursor, key, val);
		d->count -= d->count > 0;
		--*max;
	}
	mdb_cursor_close(cursor);
	if (result == STORE_OK && rc != 0 && rc != MDB_NOTFOUND)
		result = store_lmdb_result(s, "purge", rc);
	return result;
}

static enum store_result
forget_dropped(struct store_view *v, const struct dropped *d)
{
	struct store *s = v->store;
	uint8_t data[ID_SIZE];
	MDB_val key = { sizeof(data), data };

	record_put_be64(data, d->id);
	return store_lmdb_result(s, "forget dropped",
	    mdb_del(v->txn, s->dropped, &key, NULL));
}

enum store_result
store_purge(struct store_view *v, size_t max, bool *more)
{
	bool damaged = false, empty = true;
	enum store_result result;
	struct dropped d;

	while ((result = first_dropped(v, &d, &damaged)) == STORE_OK) {
		result = purge_bucket(v, &d, &max, &empty);
		if (result == STORE_OK)
			result =
			    empty ? forget_dropped(v, &d) : put_dropped(v, &d);
		if (result != STORE_OK || !empty)
			break;
	}
	*more = !empty;
	if (result == STORE_ABSENT)
		result = STORE_OK;
	if (result == STORE_OK && damaged)
		return store_fail(v->store, STORE_DAMAGED,
		    "%s: checksum of a dropped bucket's record does not match",
		    v->store->dir);
	return result;
}
