/*
 * store_fetch: has the processor fetch from memory what is about to be read.
 * Runs in the registry.
 *
 * To find a key is a chain of places in memory, of which each says where the
 * next one is: in the cache a slot and a record, in each table the head of a
 * chain, a key and a record.  Hardly any is in the processor's cache.  Here the
 * first places of many keys are fetched at a time, then their second ones, and
 * so on.
 */

#include "store/store_lmdb.h"

struct fetch {
	struct store *store;
	uint32_t area[STORE_FETCH_MAX], table[STORE_FETCH_MAX]; /* hashes */
	size_t n_area, n_table;
};

/* Fetches the first places of a key. */
static void
begin(struct fetch *f, struct bytes key, bool writes)
{
	struct store *s = f->store;
	uint32_t hash;

	f->area[f->n_area++] = area_writer_fetch_slots(s->area, key);
	/* Reads mostly end there. */
	if (!writes)
		return;
	hash = table_hash(s->table, DB_ENTRIES, key);
	f->table[f->n_table++] = hash;
	table_prefetch(s->table, hash);
	if (s->sealed != NULL)
		table_prefetch(s->sealed, hash);
}

static void
fetch_keys(const struct fetch *f, const struct table *t)
{
	size_t i;

	for (i = 0; i < f->n_table; i++)
		table_prefetch_key(t, f->table[i]);
}

static void
fetch_records(const struct fetch *f, const struct table *t)
{
	size_t i;

	for (i = 0; i < f->n_table; i++)
		table_prefetch_record(t, f->table[i]);
}

static void
go_on(const struct fetch *f)
{
	const struct store *s = f->store;
	size_t i;

	fetch_keys(f, s->table);
	if (s->sealed != NULL)
		fetch_keys(f, s->sealed);
	for (i = 0; i < f->n_area; i++)
		area_writer_fetch_record(s->area, f->area[i]);
	fetch_records(f, s->table);
	if (s->sealed != NULL)
		fetch_records(f, s->sealed);
}

void
store_fetch(struct store *s, const struct store_coming *coming, size_t n)
{
	const struct bytes known = { s->used.name, s->used.name_size };
	struct fetch f;
	struct entry_key k;
	size_t i;

	f.store = s;
	f.n_area = f.n_table = 0;
	for (i = 0; i < n; i++) {
		if (!bytes_equal(coming[i].bucket, known))
			continue;
		entry_key_make(&k, s->used.id, coming[i].key);
		begin(&f, k.bytes, coming[i].writes);
	}
	go_on(&f);
}

void
fetch_written(struct store *s, const struct bytes *keys, size_t n)
{
	struct fetch f;
	size_t i;

	f.store = s;
	f.n_area = f.n_table = 0;
	for (i = 0; i < n; i++)
		begin(&f, keys[i], true);
	go_on(&f);
}
