/*
 * store_expiry: entries in the order in which they expire.  Runs in the
 * registry.
 */

#include <string.h>

#include "store/store_record.h"

#define KEY_HEADER (sizeof(uint64_t) + ID_SIZE) /* of a row's key */
#define NAME_SUM sizeof(uint32_t) /* in front of a row's name */

struct expiry_key {
	uint8_t data[KEY_HEADER + UINT8_MAX];
	MDB_val val; /* in data */
};

/* A row, copied: writing moves what LMDB's pointers point to. */
struct row {
	uint64_t expiry;
	struct entry_key entry; /* its key in `entries` */
	struct bytes key; /* in entry */
	uint64_t id;
	struct bytes bucket; /* in name */
	uint8_t name[UINT8_MAX];
	bool sound;
};

static void
make_key(struct expiry_key *k, uint64_t expiry, uint64_t id, struct bytes key)
{
	record_put_be64(k->data, expiry);
	record_put_be64(k->data + sizeof(expiry), id);
	memcpy(k->data + KEY_HEADER, key.data, key.size);
	k->val.mv_data = k->data;
	k->val.mv_size = KEY_HEADER + key.size;
}

enum store_result
expiry_put(struct store_view *v, struct bytes key, uint64_t expiry)
{
	struct store *s = v->store;
	uint8_t data[NAME_SUM + UINT8_MAX];
	MDB_val val = { NAME_SUM + v->name_size, data };
	struct expiry_key k;

	make_key(&k, expiry, v->id, key);
	memcpy(data + NAME_SUM, v->name, v->name_size);
	record_put_le32(data, record_sum(k.val, data, val.mv_size, 0));
	return store_lmdb_result(s, "put expiry",
	    mdb_put(v->txn, s->expiries, &k.val, &val, 0));
}

enum store_result
expiry_delete(struct store *s, MDB_txn *txn, uint64_t expiry, uint64_t id,
    struct bytes key)
{
	struct expiry_key k;
	int rc;

	make_key(&k, expiry, id, key);
	rc = mdb_del(txn, s->expiries, &k.val, NULL);
	return rc == MDB_NOTFOUND ? STORE_OK :
				    store_lmdb_result(s, "delete expiry", rc);
}

/* Is this the key of a row that is due? */
static bool
row_is_due(const struct store *s, MDB_val key)
{
	return key.mv_size > KEY_HEADER &&
	    entry_is_due(s, record_get_be64(key.mv_data));
}

enum store_result
expiry_count_due(struct store_view *v, uint64_t id, uint64_t *count)
{
	struct store *s = v->store;
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc;

	*count = 0;
	if ((rc = mdb_cursor_open(v->txn, s->expiries, &cursor)) != 0)
		return store_lmdb_result(s, "count", rc);
	while ((rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0 &&
	    row_is_due(s, key))
		*count += record_get_be64((const uint8_t *)key.mv_data +
			      sizeof(uint64_t)) == id;
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? STORE_OK :
				    store_lmdb_result(s, "count", rc);
}

enum store_result
store_next_expiry(struct store_view *v, int64_t *expiry_ms)
{
	struct store *s = v->store;
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc;

	if ((rc = mdb_cursor_open(v->txn, s->expiries, &cursor)) != 0)
		return store_lmdb_result(s, "next expiry", rc);
	rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST);
	if (rc == 0 && key.mv_size <= KEY_HEADER)
		rc = MDB_CORRUPTED;
	if (rc == 0)
		*expiry_ms = (int64_t)record_get_be64(key.mv_data);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? STORE_ABSENT :
				    store_lmdb_result(s, "next expiry", rc);
}

static void
copy_row(struct row *r, MDB_val key, MDB_val val)
{
	const uint8_t *p = key.mv_data, *name = val.mv_data;

	r->expiry = record_get_be64(p);
	r->id = record_get_be64(p + sizeof(r->expiry));
	entry_key_make(&r->entry, r->id,
	    (struct bytes){ p + KEY_HEADER, key.mv_size - KEY_HEADER });
	r->key =
	    (struct bytes){ r->entry.data + ID_SIZE, key.mv_size - KEY_HEADER };
	r->sound = record_is_sound(key, val, 0) && val.mv_size > NAME_SUM &&
	    val.mv_size <= NAME_SUM + sizeof(r->name);
	if (!r->sound)
		return;
	r->bucket = (struct bytes){ r->name, val.mv_size - NAME_SUM };
	memcpy(r->name, name + NAME_SUM, r->bucket.size);
}

/* Takes the first row, if it is due.  STORE_ABSENT: none is. */
static enum store_result
take_row(struct store_view *v, MDB_cursor *cursor, struct row *r)
{
	struct store *s = v->store;
	MDB_val key, val;
	int rc;

	rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST);
	if (rc == 0 &&
	    (key.mv_size <= KEY_HEADER || key.mv_size > KEY_HEADER + UINT8_MAX))
		rc = MDB_CORRUPTED;
	if (rc == 0 && !row_is_due(s, key))
		return STORE_ABSENT;
	if (rc == 0) {
		copy_row(r, key, val);
		rc = mdb_cursor_del(cursor, 0);
	}
	return rc == MDB_NOTFOUND ? STORE_ABSENT :
				    store_lmdb_result(s, "expire", rc);
}

/*
 * Removes the entry that a row is about.  STORE_ABSENT: the row is left over
 * from damage, and there is no such entry.
 */
static enum store_result
remove_entry(struct store_view *v, struct row *r)
{
	struct store *s = v->store;
	MDB_val val;
	int rc;

	store_cache_invalidate(s->cache,
	    (struct bytes){ r->entry.val.mv_data, r->entry.val.mv_size });
	rc = mdb_get(v->txn, s->entries, &r->entry.val, &val);
	if (rc == 0 && entry_expiry(val) != r->expiry)
		rc = MDB_NOTFOUND;
	if (rc == 0)
		rc = mdb_del(v->txn, s->entries, &r->entry.val, NULL);
	return rc == MDB_NOTFOUND ? STORE_ABSENT :
				    store_lmdb_result(s, "expire", rc);
}

/*
 * Makes the row's bucket the view's known one.  STORE_NO_BUCKET: it was
 * dropped, whoever has its name now.
 */
static enum store_result
find_row_bucket(struct store_view *v, const struct row *r)
{
	enum store_result result;

	if (!r->sound)
		return store_fail(v->store, STORE_DAMAGED,
		    "%s: checksum of an expiry's record does not match",
		    v->store->dir);
	result = store_find_bucket(v, r->bucket);
	return result == STORE_OK && v->id != r->id ? STORE_NO_BUCKET : result;
}

/* What is damaged stays where it is, and loses its row. */
static enum store_result
expire_row(struct store_view *v, struct row *r, store_removed *removed,
    void *arg)
{
	enum store_result result;

	/* Entries of dropped buckets are store_purge()'s. */
	if ((result = find_row_bucket(v, r)) != STORE_OK)
		return result == STORE_NO_BUCKET ? STORE_OK : result;
	if ((result = remove_entry(v, r)) != STORE_OK)
		return result == STORE_ABSENT ? STORE_OK : result;
	v->count--;
	v->changed = true;
	removed(arg, r->bucket, r->key);
	return STORE_OK;
}

enum store_result
store_expire(struct store_view *v, size_t max, store_removed *removed,
    void *arg, bool *more)
{
	struct store *s = v->store;
	enum store_result result = STORE_OK, damage = STORE_OK;
	MDB_cursor *cursor;
	struct row row;
	int64_t next_ms;
	int rc;

	if ((rc = mdb_cursor_open(v->txn, s->expiries, &cursor)) != 0)
		return store_lmdb_result(s, "expire", rc);
	for (; max > 0; max--) {
		if ((result = take_row(v, cursor, &row)) != STORE_OK)
			break;
		result = expire_row(v, &row, removed, arg);
		if (result == STORE_DAMAGED)
			damage = result;
		else if (result != STORE_OK)
			break;
	}
	mdb_cursor_close(cursor);
	if (result != STORE_OK && result != STORE_ABSENT &&
	    result != STORE_DAMAGED)
		return result;
	result = store_next_expiry(v, &next_ms);
	*more = result == STORE_OK && next_ms <= s->now_ms;
	return result == STORE_OK || result == STORE_ABSENT ? damage : result;
}
