/*
 * store_scan: entries and buckets in order.  Runs in the registry.
 *
 * LMDB orders keys as memcmp(3) does, a shorter one before those it begins
 * (mdb_cmp_memn): the order that clients are promised.
 */

#include <string.h>

#include "store/store_record.h"

/* What a scan goes through: keys of a database behind a fixed head. */
struct range {
	MDB_dbi dbi;
	uint64_t id; /* the head, if head_size is ID_SIZE */
	size_t head_size;
	struct bytes prefix, after;
};

static MDB_val
first_key(const struct range *r, struct entry_key *k)
{
	struct bytes from = r->prefix;

	if (r->after.size > 0 && bytes_compare(r->after, r->prefix) >= 0)
		from = r->after;
	entry_key_make(k, r->id, from);
	return (MDB_val){ r->head_size + from.size,
		k->data + ID_SIZE - r->head_size };
}

/* The name behind the head; false: behind the range. */
static bool
range_name(const struct range *r, const struct entry_key *first, MDB_val key,
    struct bytes *name)
{
	if (key.mv_size <= r->head_size ||
	    memcmp(key.mv_data, first->data + ID_SIZE - r->head_size,
		r->head_size) != 0)
		return false;
	name->data = (const uint8_t *)key.mv_data + r->head_size;
	name->size = key.mv_size - r->head_size;
	return bytes_begin_with(*name, r->prefix);
}

/* Returns STORE_ABSENT to end the scan. */
typedef enum store_result scan_step(struct store *, void *arg,
    struct bytes name, MDB_val key, MDB_val val);

static enum store_result
scan(struct store_view *v, const struct range *r, scan_step *step, void *arg)
{
	struct store *s = v->store;
	enum store_result result = STORE_OK;
	struct entry_key first;
	MDB_cursor *cursor;
	MDB_val key = first_key(r, &first), val;
	struct bytes name;
	int rc;

	if ((rc = mdb_cursor_open(v->txn, r->dbi, &cursor)) != 0)
		return store_lmdb_result(s, "scan", rc);
	rc = mdb_cursor_get(cursor, &key, &val,
	    key.mv_size == 0 ? MDB_FIRST : MDB_SET_RANGE);
	while (rc == 0 && range_name(r, &first, key, &name)) {
		if (r->after.size == 0 || bytes_compare(name, r->after) != 0)
			result = step(s, arg, name, key, val);
		if (result != STORE_OK)
			break;
		rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	if (result != STORE_OK)
		return result == STORE_ABSENT ? STORE_OK : result;
	return rc == MDB_NOTFOUND ? STORE_OK : store_lmdb_result(s, "scan", rc);
}

struct entry_scan {
	store_visit *visit;
	void *arg;
	bool values;
};

static enum store_result
visit_entry(struct store *s, void *arg, struct bytes name, MDB_val key,
    MDB_val val)
{
	const struct entry_scan *scan = arg;
	const uint8_t *p = val.mv_data;
	struct store_entry e = { .key = name };

	if (val.mv_size < ENTRY_HEADER ||
	    (scan->values && !record_is_sound(key, val, ENTRY_SUM)))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of an entry of bucket %llu does not match",
		    s->dir, (unsigned long long)record_get_be64(key.mv_data));
	e.revision = record_get_le64(p);
	e.expiry_ms = (int64_t)entry_expiry(val);
	if (scan->values)
		e.value = (struct bytes){ p + ENTRY_HEADER,
			val.mv_size - ENTRY_HEADER };
	if (entry_is_due(s, (uint64_t)e.expiry_ms))
		return STORE_OK;
	return scan->visit(scan->arg, &e) ? STORE_OK : STORE_ABSENT;
}

static enum store_result
scan_entries(struct store_view *v, struct bytes bucket, struct range *r,
    struct entry_scan *entries)
{
	enum store_result result;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	r->dbi = v->store->entries;
	r->id = v->id;
	r->head_size = ID_SIZE;
	return scan(v, r, visit_entry, entries);
}

enum store_result
store_scan(struct store_view *v, struct bytes bucket, struct bytes prefix,
    struct bytes after, store_visit *visit, void *arg)
{
	struct range r = { .prefix = prefix, .after = after };
	struct entry_scan entries = { visit, arg, true };

	return scan_entries(v, bucket, &r, &entries);
}

enum store_result
store_scan_keys(struct store_view *v, struct bytes bucket, struct bytes prefix,
    struct bytes after, store_visit *visit, void *arg)
{
	struct range r = { .prefix = prefix, .after = after };
	struct entry_scan entries = { visit, arg, false };

	return scan_entries(v, bucket, &r, &entries);
}

struct bucket_scan {
	store_visit_bucket *visit;
	void *arg;
};

static enum store_result
visit_bucket(struct store *s, void *arg, struct bytes name, MDB_val key,
    MDB_val val)
{
	const struct bucket_scan *scan = arg;

	(void)s;
	(void)key;
	(void)val;
	return scan->visit(scan->arg, name) ? STORE_OK : STORE_ABSENT;
}

enum store_result
store_scan_buckets(struct store_view *v, struct bytes prefix,
    struct bytes after, store_visit_bucket *visit, void *arg)
{
	struct range r = { .dbi = v->store->buckets,
		.prefix = prefix,
		.after = after };
	struct bucket_scan buckets = { visit, arg };

	return scan(v, &r, visit_bucket, &buckets);
}
