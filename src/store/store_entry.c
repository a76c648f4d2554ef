/*
 * store_entry: one entry: get, put, delete.  Runs in the registry.
 */

#include <stdlib.h>
#include <string.h>

#include "store/store_record.h"

static struct bytes
bytes_of(MDB_val val)
{
	return (struct bytes){ val.mv_data, val.mv_size };
}

/* The last commit's record, or the batch's if that has not written to it. */
static bool
read_cached(struct store_view *v, MDB_val key, MDB_val *val)
{
	struct store *s = v->store;
	struct bytes record;

	if (!v->cacheable ||
	    !store_cache_get(s->cache, bytes_of(key), &record)) {
		s->cache_misses++;
		return false;
	}
	*val = record_val(record);
	if (record_is_sound(key, *val, ENTRY_SUM)) {
		s->cache_hits++;
		return true;
	}
	/* The memory is bad, or something has written to it. */
	store_cache_invalidate(s->cache, bytes_of(key));
	s->cache_misses++;
	return false;
}

static enum store_result
read_record(struct store_view *v, MDB_val key, MDB_val *val)
{
	struct store *s = v->store;
	int rc;

	if (read_cached(v, key, val))
		return STORE_OK;
	rc = mdb_get(v->txn, s->entries, &key, val);
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc != 0)
		return store_lmdb_result(s, "get", rc);
	if (!record_is_sound(key, *val, ENTRY_SUM))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of an entry of bucket %llu does not match",
		    s->dir, (unsigned long long)v->id);
	/* Not what the batch has written, which may never be committed, nor
	 * what it has written over, which is in the snapshot still. */
	if (v->cacheable)
		store_cache_put(s->cache, bytes_of(key), bytes_of(*val));
	return STORE_OK;
}

/* Reads the entry, be it due or not. */
static enum store_result
read_entry(struct store_view *v, struct entry_key *k, struct store_entry *e)
{
	enum store_result result;
	const uint8_t *p;
	MDB_val val;

	if ((result = read_record(v, k->val, &val)) != STORE_OK)
		return result;
	p = val.mv_data;
	e->revision = record_get_le64(p);
	e->expiry_ms = (int64_t)entry_expiry(val);
	e->value.data = p + ENTRY_HEADER;
	e->value.size = val.mv_size - ENTRY_HEADER;
	return STORE_OK;
}

enum store_result
store_get(struct store_view *v, struct bytes bucket, struct bytes key,
    struct store_entry *e)
{
	enum store_result result;
	struct entry_key k;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	entry_key_make(&k, v->id, key);
	if ((result = read_entry(v, &k, e)) != STORE_OK)
		return result;
	if (entry_is_due(v->store, (uint64_t)e->expiry_ms)) {
		/* Nothing of it outlives it: least of all its expiry. */
		memset(e, 0, sizeof(*e));
		return STORE_ABSENT;
	}
	e->key = key;
	return STORE_OK;
}

static void
fill_entry(MDB_val key, MDB_val val, uint64_t revision, uint64_t expiry,
    struct bytes value)
{
	uint8_t *p = val.mv_data;

	record_put_le64(p, revision);
	record_put_le64(p + 8, expiry);
	if (value.size > 0) /* then data may be NULL */
		memcpy(p + ENTRY_HEADER, value.data, value.size);
	record_put_le32(p + ENTRY_SUM,
	    record_sum(key, p, val.mv_size, ENTRY_SUM));
}

/* The key's expiry was `from` and is `to`. */
static enum store_result
move_expiry(struct store_view *v, struct bytes key, uint64_t from, uint64_t to)
{
	enum store_result result = STORE_OK;

	if (from == to)
		return STORE_OK;
	if (from != 0)
		result = expiry_delete(v->store, v->txn, from, v->id, key);
	if (result == STORE_OK && to != 0)
		result = expiry_put(v, key, to);
	return result;
}

/* Puts an entry of the known bucket. */
static enum store_result
put_entry(struct store_view *v, struct bytes key, struct bytes value,
    uint64_t expiry)
{
	struct store *s = v->store;
	struct entry_key k;
	uint64_t old = 0;
	MDB_val val = { .mv_size = ENTRY_HEADER + value.size };
	int rc;

	entry_key_make(&k, v->id, key);
	store_cache_invalidate(s->cache, bytes_of(k.val));
	rc = mdb_put(v->txn, s->entries, &k.val, &val,
	    MDB_RESERVE | MDB_NOOVERWRITE);
	if (rc == 0) {
		v->count++;
		v->changed = true;
	} else if (rc == MDB_KEYEXIST) {
		old = entry_expiry(val);
		val.mv_size = ENTRY_HEADER + value.size;
		rc = mdb_put(v->txn, s->entries, &k.val, &val, MDB_RESERVE);
	}
	if (rc != 0)
		return store_lmdb_result(s, "put", rc);
	fill_entry(k.val, val, mdb_txn_id(v->txn), expiry, value);
	return move_expiry(v, key, old, expiry);
}

enum store_result
store_put(struct store_view *v, struct bytes bucket, struct bytes key,
    struct bytes value, int64_t expiry_ms)
{
	enum store_result result;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK ||
	    (result = store_take_room(v->store, key.size + value.size)) !=
		STORE_OK)
		return result;
	return put_entry(v, key, value, (uint64_t)expiry_ms);
}

enum store_result
store_set_expiry(struct store_view *v, struct bytes bucket, struct bytes key,
    int64_t expiry_ms)
{
	enum store_result result;
	struct store_entry e;
	uint8_t *copy;

	if ((result = store_get(v, bucket, key, &e)) != STORE_OK ||
	    e.expiry_ms == expiry_ms)
		return result;
	if ((result = store_take_room(v->store, key.size + e.value.size)) !=
	    STORE_OK)
		return result;
	/* The header is part of the record, which is written anew: over the
	 * page, maybe, that the value is read from. */
	if ((copy = malloc(e.value.size + 1)) == NULL)
		return store_fail(v->store, STORE_FAILED, "out of memory");
	memcpy(copy, e.value.data, e.value.size);
	e.value.data = copy;
	result = put_entry(v, key, e.value, (uint64_t)expiry_ms);
	free(copy);
	return result;
}

enum store_result
store_delete(struct store_view *v, struct bytes bucket, struct bytes key)
{
	struct store *s = v->store;
	enum store_result result;
	struct entry_key k;
	uint64_t expiry = 0;
	MDB_val val;
	int rc;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	entry_key_make(&k, v->id, key);
	store_cache_invalidate(s->cache, bytes_of(k.val));
	rc = mdb_get(v->txn, s->entries, &k.val, &val);
	if (rc == 0) {
		expiry = entry_expiry(val);
		rc = mdb_del(v->txn, s->entries, &k.val, NULL);
	}
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc != 0)
		return store_lmdb_result(s, "delete", rc);
	v->count--;
	v->changed = true;
	return move_expiry(v, key, expiry, 0);
}
