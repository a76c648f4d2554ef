/*
 * store_entry: one entry: get, put, delete.  Runs in the registry.
 */

#include <string.h>

#include "store/store_head.h"
#include "store/store_watch.h"

/* The last commit's record, or the batch's if that has not written to it. */
static bool
read_cached(struct store_view *v, struct bytes key, struct bytes *record)
{
	struct store *s = v->store;

	if (!v->cacheable || !area_writer_get(s->area, key, record)) {
		s->cache_misses++;
		return false;
	}
	if (record_is_sound(key, *record, ENTRY_SUM)) {
		s->cache_hits++;
		return true;
	}
	/* The memory is bad, or something has written to it. */
	area_writer_drop(s->area, key);
	s->cache_misses++;
	return false;
}

static enum store_result
read_record(struct store_view *v, struct bytes key, struct bytes *record)
{
	struct store *s = v->store;
	enum store_result result;

	if (read_cached(v, key, record))
		return STORE_OK;
	if ((result = layer_get(v, DB_ENTRIES, key, record)) != STORE_OK)
		return result;
	if (!record_is_sound(key, *record, ENTRY_SUM))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of an entry of bucket %llu does not match",
		    s->dir, (unsigned long long)v->id);
	/* Not what the batch has written, which may never be committed, nor
	 * what it has written over, which is in the snapshot still. */
	if (v->cacheable)
		area_writer_put(s->area, key, *record);
	return STORE_OK;
}

/* Reads the entry, be it due or not. */
static enum store_result
read_entry(struct store_view *v, struct entry_key *k, struct store_entry *e)
{
	enum store_result result;
	struct bytes record;
	const uint8_t *p;

	if ((result = read_record(v, k->bytes, &record)) != STORE_OK)
		return result;
	p = record.data;
	e->revision = record_get_le64(p);
	e->expiry_ms = (int64_t)entry_expiry(record);
	e->value.data = p + ENTRY_HEADER;
	e->value.size = record.size - ENTRY_HEADER;
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
	/* Workers find the entry if they know the bucket, too. */
	if (v->cacheable)
		area_writer_name(v->store->area, bucket, v->id);
	if (entry_is_due(v->store, (uint64_t)e->expiry_ms)) {
		/* Nothing of it outlives it: least of all its expiry. */
		memset(e, 0, sizeof(*e));
		return STORE_ABSENT;
	}
	e->key = key;
	return STORE_OK;
}

static void
fill_entry(struct bytes key, uint8_t *p, uint64_t revision, uint64_t expiry,
    struct bytes value)
{
	record_put_le64(p, revision);
	record_put_le64(p + 8, expiry);
	if (value.size > 0) /* then data may be NULL */
		memcpy(p + ENTRY_HEADER, value.data, value.size);
	record_put_le32(p + ENTRY_SUM,
	    record_sum(key, p, ENTRY_HEADER + value.size, ENTRY_SUM));
}

/* The key's expiry was `from` and is `to`. */
static enum store_result
move_expiry(struct store_view *v, struct bytes key, uint64_t from, uint64_t to)
{
	enum store_result result = STORE_OK;
	struct expiry_key k;

	if (from == to)
		return STORE_OK;
	if (from != 0) {
		expiry_key_make(&k, from, v->id, key);
		result = due_remove(v, k.bytes, v->id);
		if (result == STORE_OK)
			result = expiry_delete(v, from, v->id, key);
	}
	if (result == STORE_OK && to != 0)
		result = expiry_put(v, key, to);
	return result;
}

/* What is there before a put. */
struct before {
	struct table_place place;
	bool open; /* nobody has looked whether there is an entry */
	bool there;
	size_t size; /* of key and record; 0: there is none */
	uint64_t expiry;
};

static enum store_result
find_before(struct store_view *v, struct bytes key, bool look, struct before *b)
{
	struct bytes record = { NULL, 0 };
	enum store_result result;
	bool known;

	*b = (struct before){ .open = false };
	result = layer_find_in_tables(v, DB_ENTRIES, key, &b->place, &record,
	    &known);
	b->open = !known && !look;
	if (!known && look)
		result = layer_get_from_data(v, DB_ENTRIES, key, &record);
	b->there = result == STORE_OK;
	if (b->there) {
		b->size = key.size + record.size;
		b->expiry = entry_expiry(record);
	}
	return result == STORE_ABSENT ? STORE_OK : result;
}

/* Takes the space for an entry.  If there is too little for one more, it may
 * replace one. */
static enum store_result
make_room(struct store_view *v, struct bytes key, size_t size, bool look,
    struct before *b)
{
	enum store_result result;

	if ((result = find_before(v, key, look, b)) != STORE_OK)
		return result;
	result = store_take_space(v->store, key.size + size, b->size);
	return result == STORE_FULL && b->open ?
	    make_room(v, key, size, true, b) :
	    result;
}

/*
 * Puts an entry of the known bucket.  `look`: what it replaces has to be known
 * (store_count.c).  `quiet`: its value stays as it is, so that
 * store_changes_next() leaves it out.
 */
static enum store_result
put_entry(struct store_view *v, struct bytes key, struct bytes value,
    uint64_t expiry, bool look, bool quiet)
{
	size_t size = ENTRY_HEADER + value.size;
	struct store *s = v->store;
	enum store_result result;
	struct table_record *r;
	struct entry_key k;
	struct before old;
	uint8_t *record;

	entry_key_make(&k, v->id, key);
	result = make_room(v, k.bytes, size, look, &old);
	if (result == STORE_OK)
		result = layer_put_at(v, &old.place, size, &record);
	if (result != STORE_OK)
		return result;
	r = table_record_of(record, k.bytes);
	r->quiet = quiet;
	r->open = old.open;
	area_writer_drop(s->area, k.bytes);
	store_heads_put(s, v->id, key);
	fill_entry(k.bytes, record, v->revision, expiry, value);
	if (!old.there) {
		v->count++;
		v->changed = true;
		s->counts.totals.keys++;
	}
	return move_expiry(v, key, old.expiry, expiry);
}

enum store_result
store_put(struct store_view *v, struct bytes bucket, struct bytes key,
    struct bytes value, int64_t expiry_ms)
{
	enum store_result result;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	return put_entry(v, key, value, (uint64_t)expiry_ms, v->looks, false);
}

enum store_result
store_set_expiry(struct store_view *v, struct bytes bucket, struct bytes key,
    int64_t expiry_ms)
{
	enum store_result result;
	struct store_entry e;

	if ((result = store_get(v, bucket, key, &e)) != STORE_OK ||
	    e.expiry_ms == expiry_ms)
		return result;
	/* The header is part of the record, which is written anew. */
	return put_entry(v, key, e.value, (uint64_t)expiry_ms, true, true);
}

enum store_result
store_delete(struct store_view *v, struct bytes bucket, struct bytes key)
{
	struct store *s = v->store;
	enum store_result result;
	struct table_place place;
	struct entry_key k;
	struct bytes old;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	entry_key_make(&k, v->id, key);
	result = layer_find(v, DB_ENTRIES, k.bytes, &place, &old);
	if (result != STORE_OK ||
	    (result = layer_delete_at(v, &place)) != STORE_OK)
		return result;
	area_writer_drop(s->area, k.bytes);
	v->count--;
	v->changed = true;
	s->counts.totals.keys--;
	return move_expiry(v, key, entry_expiry(old), 0);
}

/*
 * What was in the cache, and the commit has changed, is there again without
 * waiting for a read.  The view is the batch that was committed.
 */
void
store_cache_again(struct store_view *v)
{
	struct area_writer *area = v->store->area;
	struct bytes keys[STORE_FETCH_MAX], record;
	enum store_result result;
	struct table_place place;
	size_t at = 0, n, i;
	bool known;

	do {
		for (n = 0; n < STORE_FETCH_MAX &&
		     area_writer_next_dropped(area, &at, &keys[n]);
		     n++)
			;
		fetch_written(v->store, keys, n);
		for (i = 0; i < n; i++) {
			result = layer_find_in_tables(v, DB_ENTRIES, keys[i],
			    &place, &record, &known);
			if (known && result == STORE_OK)
				area_writer_put_again(area, keys[i], record);
		}
	} while (n == STORE_FETCH_MAX);
}
