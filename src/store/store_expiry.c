/*
 * store_expiry: entries in the order in which they expire.  Runs in the
 * registry.
 */

#include <string.h>

#include "store/store_watch.h"

#define NAME_SUM sizeof(uint32_t) /* in front of a row's name */

/* A row of `expiries`. */
struct row {
	uint64_t expiry;
	uint64_t id;
	struct bytes key;
	struct bytes bucket; /* its name, if the row is sound */
	bool sound;
};

void
expiry_key_make(struct expiry_key *k, uint64_t expiry, uint64_t id,
    struct bytes key)
{
	record_put_be64(k->data, expiry);
	record_put_be64(k->data + sizeof(expiry), id);
	if (key.size > 0) /* then data may be NULL */
		memcpy(k->data + EXPIRY_KEY_HEADER, key.data, key.size);
	k->bytes = (struct bytes){ k->data, EXPIRY_KEY_HEADER + key.size };
}

enum store_result
expiry_put(struct store_view *v, struct bytes key, uint64_t expiry)
{
	struct store_counts *counts = &v->store->counts;
	size_t size = NAME_SUM + v->name_size;
	enum store_result result;
	struct expiry_key k;
	uint8_t *data;

	expiry_key_make(&k, expiry, v->id, key);
	if ((result = store_take_space(v->store, k.bytes.size + size, 0)) !=
		STORE_OK ||
	    (result = layer_put(v, DB_EXPIRIES, k.bytes, size, &data)) !=
		STORE_OK)
		return result;
	memcpy(data + NAME_SUM, v->name, v->name_size);
	record_put_le32(data, record_sum(k.bytes, data, size, 0));
	counts->totals.expiring++;
	if (v->put_expiry == 0 || expiry < v->put_expiry)
		v->put_expiry = expiry;
	if (expiry < counts->expiry_from) {
		counts->expiry_from = expiry;
		counts->expiry_known = true;
	}
	return due_put(v->store, k.bytes, v->id);
}

enum store_result
expiry_delete(struct store_view *v, uint64_t expiry, uint64_t id,
    struct bytes key)
{
	struct store_counts *counts = &v->store->counts;
	struct expiry_key k;

	expiry_key_make(&k, expiry, id, key);
	/* Damage may have left an entry without a row. */
	counts->totals.expiring -= counts->totals.expiring > 0;
	if (expiry == counts->expiry_from)
		counts->expiry_known = false;
	return layer_delete(v, DB_EXPIRIES, k.bytes);
}

/* Does it show what is there now? */
static bool
is_current(const struct store_view *v)
{
	const struct store *s = v->store;

	return v == &s->batch ||
	    (v == &s->snapshot && v->cacheable && !s->batch.open);
}

/*
 * Before this there is no row.  Those that were removed stay in data.mdb until
 * they are folded, and are not to be gone through each time.
 */
static uint64_t
first_expiry(const struct store_view *v)
{
	return is_current(v) ? v->store->counts.expiry_from : 0;
}

static enum store_result
seek(struct layer_cursor *c, struct store_view *v, struct bytes from)
{
	enum store_result result;

	result = layer_seek(c, v, DB_EXPIRIES, from);
	if (result == STORE_OK && c->key.size <= EXPIRY_KEY_HEADER)
		result = store_lmdb_result(v->store, "expiry", MDB_CORRUPTED);
	return result;
}

static enum store_result
seek_first(struct layer_cursor *c, struct store_view *v)
{
	struct expiry_key from;

	expiry_key_make(&from, first_expiry(v), 0, (struct bytes){ NULL, 0 });
	return seek(c, v, from.bytes);
}

/* Is the cursor at a row that is due? */
static bool
is_due(const struct layer_cursor *c)
{
	return c->key.size > EXPIRY_KEY_HEADER &&
	    entry_is_due(c->view->store, record_get_be64(c->key.data));
}

/*
 * Was it left by a put that did not look what it replaces?  That put, or what
 * came after it, is in a table: its fold removes the row (expiry_remove_row).
 */
bool
expiry_is_left_over(struct store_view *v, struct bytes row)
{
	const uint8_t *p = row.data;
	struct bytes entry = { p + sizeof(uint64_t),
		row.size - sizeof(uint64_t) };
	enum store_result result;
	struct table_place place;
	struct bytes record;
	bool known;

	result =
	    layer_find_in_tables(v, DB_ENTRIES, entry, &place, &record, &known);
	return known &&
	    (result != STORE_OK || entry_expiry(record) != record_get_be64(p));
}

enum store_result
expiry_count_due(struct store_view *v, uint64_t id, uint64_t *count)
{
	enum store_result result;
	struct layer_cursor c;

	*count = 0;
	for (result = seek_first(&c, v); result == STORE_OK && is_due(&c);
	     result = layer_next(&c))
		*count += record_get_be64(
			      (const uint8_t *)c.key.data + sizeof(id)) == id &&
		    !expiry_is_left_over(v, c.key);
	layer_end(&c);
	return result == STORE_ABSENT ? STORE_OK : result;
}

enum store_result
expiry_seek_due(struct layer_cursor *c, struct store_view *v, struct bytes from)
{
	enum store_result result;

	result = from.size == 0 ? seek_first(c, v) : seek(c, v, from);
	return result == STORE_OK && !is_due(c) ? STORE_ABSENT : result;
}

enum store_result
expiry_next_due(struct layer_cursor *c)
{
	enum store_result result = layer_next(c);

	return result == STORE_OK && !is_due(c) ? STORE_ABSENT : result;
}

/* UINT64_MAX: there is no row. */
static enum store_result
find_next(struct store_view *v, uint64_t *expiry)
{
	enum store_result result;
	struct layer_cursor c;

	result = seek_first(&c, v);
	*expiry = result == STORE_OK ? record_get_be64(c.key.data) : UINT64_MAX;
	layer_end(&c);
	return result == STORE_ABSENT ? STORE_OK : result;
}

/* Each commit asks, so it is looked for only when it may have changed. */
enum store_result
store_next_expiry(struct store_view *v, int64_t *expiry_ms)
{
	struct store_counts *counts = &v->store->counts;
	bool current = is_current(v);
	enum store_result result;
	uint64_t expiry = counts->expiry_from;

	if (store_view_totals(v)->expiring == 0)
		return STORE_ABSENT;
	if (!current || !counts->expiry_known) {
		if ((result = find_next(v, &expiry)) != STORE_OK)
			return result;
		if (current) {
			counts->expiry_from = expiry;
			counts->expiry_known = true;
		}
	}
	*expiry_ms = (int64_t)expiry;
	return expiry == UINT64_MAX ? STORE_ABSENT : STORE_OK;
}

static struct row
row_at(const struct layer_cursor *c)
{
	const uint8_t *p = c->key.data, *name = c->value.data;
	struct row r = { .expiry = record_get_be64(p),
		.id = record_get_be64(p + sizeof(r.expiry)),
		.key = { p + EXPIRY_KEY_HEADER,
		    c->key.size - EXPIRY_KEY_HEADER } };

	r.sound = record_is_sound(c->key, c->value, 0) &&
	    c->value.size > NAME_SUM && c->value.size <= NAME_SUM + UINT8_MAX;
	if (r.sound)
		r.bucket =
		    (struct bytes){ name + NAME_SUM, c->value.size - NAME_SUM };
	return r;
}

/*
 * Removes the entry that a row is about.  STORE_ABSENT: the row is left over
 * from damage, or from a put that did not look, and there is no such entry.
 */
static enum store_result
remove_entry(struct store_view *v, const struct row *r)
{
	enum store_result result;
	struct bytes record;
	struct entry_key k;

	entry_key_make(&k, r->id, r->key);
	result = layer_get(v, DB_ENTRIES, k.bytes, &record);
	if (result == STORE_OK && entry_expiry(record) != r->expiry)
		return STORE_ABSENT;
	if (result == STORE_OK)
		result = layer_delete(v, DB_ENTRIES, k.bytes);
	if (result == STORE_OK)
		area_writer_drop(v->store->area, k.bytes);
	return result;
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
expire_row(struct store_view *v, const struct row *r, store_removed *removed,
    void *arg)
{
	enum store_result result;
	struct expiry_key k;

	expiry_key_make(&k, r->expiry, r->id, r->key);
	if ((result = due_expire(v, k.bytes, r->id)) != STORE_OK ||
	    (result = expiry_delete(v, r->expiry, r->id, r->key)) != STORE_OK)
		return result;
	/* Entries of dropped buckets are store_purge()'s. */
	if ((result = find_row_bucket(v, r)) != STORE_OK)
		return result == STORE_NO_BUCKET ? STORE_OK : result;
	if ((result = remove_entry(v, r)) != STORE_OK)
		return result == STORE_ABSENT ? STORE_OK : result;
	v->count--;
	v->changed = true;
	v->store->counts.totals.keys--;
	removed(arg, r->bucket, r->key);
	return STORE_OK;
}

enum store_result
store_expire(struct store_view *v, size_t max, store_removed *removed,
    void *arg, bool *more)
{
	enum store_result result, damage = STORE_OK;
	struct layer_cursor c;
	struct row row;

	for (result = seek_first(&c, v);
	     result == STORE_OK && is_due(&c) && max > 0;
	     result = layer_next(&c), max--) {
		row = row_at(&c);
		v->store->counts.expiry_from = row.expiry;
		result = expire_row(v, &row, removed, arg);
		if (result == STORE_DAMAGED)
			damage = result;
		else if (result != STORE_OK)
			break;
	}
	*more = result == STORE_OK && is_due(&c);
	layer_end(&c);
	/* Rows of dropped buckets may have been purged. */
	v->store->counts.expiry_known = false;
	return result == STORE_OK || result == STORE_ABSENT ? damage : result;
}

/* Runs in the checkpointer. */
int
expiry_remove_row(struct store *s, MDB_txn *txn, struct bytes key,
    struct bytes value, struct fold_purged *purged)
{
	uint64_t expiry = entry_expiry(value);
	const uint8_t *name = key.data;
	struct expiry_key k;
	MDB_val row;
	int rc;

	if (expiry == 0)
		return 0;
	if (key.size <= ID_SIZE || key.size > ID_SIZE + UINT8_MAX)
		return MDB_CORRUPTED;
	expiry_key_make(&k, expiry, record_get_be64(name),
	    (struct bytes){ name + ID_SIZE, key.size - ID_SIZE });
	if ((rc = guard_write(s, DB_EXPIRIES, k.bytes, true)) != 0)
		return rc;
	row = record_val(k.bytes);
	rc = mdb_del(txn, s->dbi[DB_EXPIRIES], &row, NULL);
	purged->expiring += rc == 0;
	return rc == MDB_NOTFOUND ? 0 : rc;
}
