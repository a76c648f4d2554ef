/*
 * store_stats: how much there is.  Runs in the registry.
 */

#include "store/store_record.h"

/* Adds the pages of a database; *entries: its records. */
static enum store_result
add_database(struct store_view *v, MDB_dbi dbi, struct store_stats *stats,
    uint64_t *entries)
{
	struct store *s = v->store;
	size_t pages;
	MDB_stat st;
	int rc;

	if ((rc = mdb_stat(v->txn, dbi, &st)) != 0)
		return store_lmdb_result(s, "stat", rc);
	pages = st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
	stats->used_bytes += pages * s->page_size;
	*entries = st.ms_entries;
	return STORE_OK;
}

/* Entries that are not yet purged. */
static enum store_result
count_dropped(struct store_view *v, uint64_t *count)
{
	struct store *s = v->store;
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc;

	*count = 0;
	if ((rc = mdb_cursor_open(v->txn, s->dropped, &cursor)) != 0)
		return store_lmdb_result(s, "stat", rc);
	while ((rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0)
		if (val.mv_size >= sizeof(uint64_t))
			*count += record_get_le64(val.mv_data);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? STORE_OK : store_lmdb_result(s, "stat", rc);
}

enum store_result
store_stats(struct store_view *v, struct store_stats *stats)
{
	static const MDB_dbi free_list = 0, names = 1;
	struct store *s = v->store;
	uint64_t ignored;
	const struct {
		MDB_dbi dbi;
		uint64_t *entries;
	} databases[] = {
		{ free_list, &ignored },
		{ names, &ignored },
		{ s->meta, &ignored },
		{ s->buckets, &stats->buckets },
		{ s->entries, &stats->keys },
		{ s->expiries, &stats->expiring },
		{ s->dropped, &stats->dropped_buckets },
		{ s->outcomes, &stats->outcomes },
	};
	enum store_result result;
	size_t i;

	*stats = (struct store_stats){ .revision = store_revision(v),
		.file_bytes = s->allocated,
		.used_bytes = 2 * s->page_size, /* the roots */
		.pins = s->n_pins,
		.cache_hits = s->cache_hits,
		.cache_misses = s->cache_misses };
	for (i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
		result = add_database(v, databases[i].dbi, stats,
		    databases[i].entries);
		if (result != STORE_OK)
			return result;
	}
	if ((result = count_dropped(v, &stats->dropped)) != STORE_OK)
		return result;
	/* Those that expired meanwhile are in both numbers. */
	stats->keys -=
	    stats->dropped < stats->keys ? stats->dropped : stats->keys;
	return STORE_OK;
}
