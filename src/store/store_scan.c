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
	enum table_db db;
	uint64_t id; /* the head, if head_size is ID_SIZE */
	size_t head_size;
	struct bytes prefix, after;
};

static struct bytes
first_key(const struct range *r, struct entry_key *k)
{
	struct bytes from = r->prefix;

	if (r->after.size > 0 && bytes_compare(r->after, r->prefix) >= 0)
		from = r->after;
	entry_key_make(k, r->id, from);
	return (struct bytes){ k->data + ID_SIZE - r->head_size,
		r->head_size + from.size };
}

/* The name behind the head; false: behind the range. */
static bool
range_name(const struct range *r, const struct entry_key *first,
    struct bytes key, struct bytes *name)
{
	if (key.size <= r->head_size ||
	    memcmp(key.data, first->data + ID_SIZE - r->head_size,
		r->head_size) != 0)
		return false;
	name->data = (const uint8_t *)key.data + r->head_size;
	name->size = key.size - r->head_size;
	return bytes_begin_with(*name, r->prefix);
}

/* Returns STORE_ABSENT to end the scan. */
typedef enum store_result scan_step(struct store *, void *arg,
    struct bytes name, struct bytes key, struct bytes record);

static enum store_result
scan(struct store_view *v, const struct range *r, scan_step *step, void *arg)
{
	enum store_result result;
	struct layer_cursor c;
	struct entry_key first;
	struct bytes name;

	result = layer_seek(&c, v, r->db, first_key(r, &first));
	while (result == STORE_OK && range_name(r, &first, c.key, &name)) {
		if (r->after.size == 0 || !bytes_equal(name, r->after))
			result = step(v->store, arg, name, c.key, c.value);
		if (result == STORE_OK)
			result = layer_next(&c);
	}
	layer_end(&c);
	return result == STORE_ABSENT ? STORE_OK : result;
}

struct entry_scan {
	store_visit *visit;
	void *arg;
	bool values;
};

static enum store_result
visit_entry(struct store *s, void *arg, struct bytes name, struct bytes key,
    struct bytes record)
{
	const struct entry_scan *scan = arg;
	const uint8_t *p = record.data;
	struct store_entry e = { .key = name };
	bool due = entry_is_due(s, entry_expiry(record));

	/* What looks expired is not left out because its expiry is damaged. */
	if (record.size < ENTRY_HEADER ||
	    ((scan->values || due) && !record_is_sound(key, record, ENTRY_SUM)))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of an entry of bucket %llu does not match",
		    s->dir, (unsigned long long)record_get_be64(key.data));
	e.revision = record_get_le64(p);
	e.value_size = record.size - ENTRY_HEADER;
	e.expiry_ms = (int64_t)entry_expiry(record);
	if (scan->values)
		e.value = (struct bytes){ p + ENTRY_HEADER,
			record.size - ENTRY_HEADER };
	if (due)
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
	r->db = DB_ENTRIES;
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
visit_bucket(struct store *s, void *arg, struct bytes name, struct bytes key,
    struct bytes record)
{
	const struct bucket_scan *scan = arg;

	(void)s;
	(void)key;
	(void)record;
	return scan->visit(scan->arg, name) ? STORE_OK : STORE_ABSENT;
}

enum store_result
store_scan_buckets(struct store_view *v, struct bytes prefix,
    struct bytes after, store_visit_bucket *visit, void *arg)
{
	struct range r = { .db = DB_BUCKETS, .prefix = prefix, .after = after };
	struct bucket_scan buckets = { visit, arg };

	return scan(v, &r, visit_bucket, &buckets);
}
