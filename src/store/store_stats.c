/*
 * store_stats: how much there is.  Runs in the registry.
 */

#include "store/store_record.h"

/* Pages of data.mdb that are in use, and what is not yet folded into them. */
static enum store_result
count_used(struct store_view *v, struct store_stats *stats)
{
	static const MDB_dbi free_list = 0, names = 1;
	struct store *s = v->store;
	const MDB_dbi databases[] = { free_list, names, s->dbi[DB_META],
		s->dbi[DB_BUCKETS], s->dbi[DB_ENTRIES], s->dbi[DB_EXPIRIES],
		s->dbi[DB_DROPPED], s->dbi[DB_OUTCOMES] };
	size_t pages = 2; /* the roots */
	MDB_stat st;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
		if ((rc = mdb_stat(v->txn, databases[i], &st)) != 0)
			return store_lmdb_result(s, "stat", rc);
		pages += st.ms_branch_pages + st.ms_leaf_pages +
		    st.ms_overflow_pages;
	}
	stats->used_bytes = pages * s->page_size;
	for (i = 0; i < 2 && v->tables[i] != NULL; i++)
		stats->log_bytes += v->tables[i]->end;
	stats->used_bytes += stats->log_bytes;
	return STORE_OK;
}

/* Entries that are not yet purged. */
static enum store_result
count_dropped(struct store_view *v, uint64_t *count)
{
	struct bytes all = { NULL, 0 };
	enum store_result result;
	struct layer_cursor c;

	*count = 0;
	for (result = layer_seek(&c, v, DB_DROPPED, all); result == STORE_OK;
	     result = layer_next(&c))
		if (c.value.size >= sizeof(uint64_t))
			*count += record_get_le64(c.value.data);
	layer_end(&c);
	return result == STORE_ABSENT ? STORE_OK : result;
}

enum store_result
store_stats(struct store_view *v, struct store_stats *stats)
{
	struct store *s = v->store;
	const struct segment_totals *totals = store_view_totals(v);
	struct fold_purged purged;
	enum store_result result;
	uint64_t expiring, replaced;
	int rc;

	if ((rc = fold_get_purged(s, v->txn, &purged)) != 0 ||
	    (rc = replaced_get(s, v->txn, REPLACED_ALL, &replaced)) != 0)
		return store_lmdb_result(s, "stat", rc);
	/* An expiry that was deleted in the log, and has been purged before that
	 * is folded, is counted twice until then. */
	expiring = totals->expiring > purged.expiring ?
	    totals->expiring - purged.expiring :
	    0;
	*stats = (struct store_stats){ .revision = v->revision,
		.buckets = totals->buckets,
		.damaged = s->counts.damaged,
		.keys = totals->keys > replaced ? totals->keys - replaced : 0,
		.expiring = expiring,
		.dropped_buckets = totals->dropped - purged.buckets,
		.outcomes = totals->outcomes,
		.file_bytes = s->allocated + s->segments[0].file_size +
		    s->segments[1].file_size,
		.pins = s->n_pins,
		.cache_hits = s->cache_hits,
		.cache_misses = s->cache_misses };
	if ((result = count_used(v, stats)) != STORE_OK)
		return result;
	return count_dropped(v, &stats->dropped);
}
