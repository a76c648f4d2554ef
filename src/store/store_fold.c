/*
 * store_fold: brings what a sealed segment holds into data.mdb.  Runs in the
 * checkpointer.
 *
 * A fold goes through the table in order, in durable transactions of LMDB's.
 * Each stores where the next one has to go on, and the last that the
 * generation is folded; so a fold that was cut off is continued.  Each checks
 * first that it finds what the one before it stored: a process that was stopped
 * for a while, and that another one has taken the place of, changes nothing.
 */

#include <errno.h>
#include <string.h>

#include "store/store_record.h"

/* Keys of a transaction in store_checkpoint(): nobody is served meanwhile. */
#define FOLD_ALL_MAX 10000
/* Bytes of values in a transaction, which LMDB keeps in memory until it
 * commits. */
#define FOLD_BYTES_MAX ((size_t)16 << 20)
/* Of items: how much earlier a record is fetched into the processor's cache. */
#define AHEAD 8
/* An error besides LMDB's own. */
#define FOLD_BY_ANOTHER (-1)

/* Rows of `meta`. */
static const char log_row[] = "log", place_row[] = "folding",
		  purged_row[] = "purged";

#define STATE_NUMBERS 8
#define PLACE_HEADER (sizeof(uint64_t) + 1)

static MDB_val
row(const char *name)
{
	return record_val(bytes_from_text(name));
}

static int
put_numbers(struct store *s, MDB_txn *txn, const char *name,
    const uint64_t *numbers, size_t n)
{
	uint8_t data[STATE_NUMBERS * sizeof(uint64_t)];
	MDB_val key = row(name), val = { n * sizeof(uint64_t), data };
	size_t i;

	for (i = 0; i < n; i++)
		record_put_le64(data + i * sizeof(uint64_t), numbers[i]);
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

static int
get_numbers(struct store *s, MDB_txn *txn, const char *name, uint64_t *numbers,
    size_t n)
{
	MDB_val key = row(name), val;
	size_t i;
	int rc;

	if ((rc = mdb_get(txn, s->dbi[DB_META], &key, &val)) != 0)
		return rc;
	if (val.mv_size != n * sizeof(uint64_t))
		return MDB_CORRUPTED;
	for (i = 0; i < n; i++)
		numbers[i] = record_get_le64(
		    (const uint8_t *)val.mv_data + i * sizeof(uint64_t));
	return 0;
}

int
fold_put_state(struct store *s, MDB_txn *txn, const struct fold_state *state)
{
	const struct segment_totals *t = &state->totals;
	const uint64_t numbers[STATE_NUMBERS] = { state->store_id,
		state->folded, state->revision, t->buckets, t->keys,
		t->expiring, t->dropped, t->outcomes };

	return put_numbers(s, txn, log_row, numbers, STATE_NUMBERS);
}

int
fold_get_state(struct store *s, MDB_txn *txn, struct fold_state *state)
{
	uint64_t n[STATE_NUMBERS];
	int rc;

	if ((rc = get_numbers(s, txn, log_row, n, STATE_NUMBERS)) != 0)
		return rc;
	*state = (struct fold_state){ n[0], n[1], n[2],
		{ n[3], n[4], n[5], n[6], n[7] } };
	return 0;
}

int
fold_put_purged(struct store *s, MDB_txn *txn, const struct fold_purged *p)
{
	const uint64_t numbers[2] = { p->buckets, p->expiring };

	return put_numbers(s, txn, purged_row, numbers, 2);
}

int
fold_get_purged(struct store *s, MDB_txn *txn, struct fold_purged *p)
{
	uint64_t n[2] = { 0, 0 };
	int rc = get_numbers(s, txn, purged_row, n, 2);

	*p = (struct fold_purged){ n[0], n[1] };
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
fold_get_place(struct store *s, MDB_txn *txn, struct fold_place *p)
{
	MDB_val key = row(place_row), val;
	const uint8_t *data;
	int rc;

	*p = (struct fold_place){ .generation = 0 };
	rc = mdb_get(txn, s->dbi[DB_META], &key, &val);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 &&
	    (val.mv_size < PLACE_HEADER ||
		val.mv_size - PLACE_HEADER > sizeof(p->key)))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return rc;
	data = val.mv_data;
	p->generation = record_get_le64(data);
	p->db = data[sizeof(p->generation)];
	p->key_size = val.mv_size - PLACE_HEADER;
	memcpy(p->key, data + PLACE_HEADER, p->key_size);
	return p->db < DB_COUNT && p->generation != 0 ? 0 : MDB_CORRUPTED;
}

static int
put_place(struct store *s, MDB_txn *txn, const struct fold_place *p)
{
	uint8_t data[PLACE_HEADER + sizeof(p->key)];
	MDB_val key = row(place_row),
		val = { PLACE_HEADER + p->key_size, data };

	record_put_le64(data, p->generation);
	data[sizeof(p->generation)] = p->db;
	memcpy(data + PLACE_HEADER, p->key, p->key_size);
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

enum store_result
fold_read_state(struct store *s, struct fold_state *state, bool *folding)
{
	struct fold_place place;
	MDB_txn *txn = NULL;
	int rc;

	if ((rc = store_begin_reading(s, &txn)) != 0)
		return store_lmdb_result(s, "begin", rc);
	if ((rc = fold_get_state(s, txn, state)) == 0)
		rc = fold_get_place(s, txn, &place);
	mdb_txn_abort(txn);
	if (rc != 0)
		return store_fail_rc(s, rc, store_refusal(rc),
		    "%s/data.mdb: cannot read the log's state", s->dir);
	*folding = place.generation != 0;
	return STORE_OK;
}

/* A transaction. */
struct step {
	struct store *store;
	MDB_txn *txn;
	MDB_cursor *cursor; /* of the database that it is in, or NULL */
	struct fold_purged purged;
	uint64_t bucket; /* whose entries it changes, and by how much: */
	uint64_t replaced; /* open puts that have replaced one */
	uint64_t bytes; /* more than there were; less: their negative */
};

/* What was noted of the bucket. */
static int
store_numbers(struct step *f)
{
	uint64_t replaced = f->replaced, bytes = f->bytes;
	int rc;

	f->replaced = f->bytes = 0;
	rc = replaced_add(f->store, f->txn, f->bucket, replaced);
	return rc == 0 ? sizes_add(f->store, f->txn, f->bucket, bytes) : rc;
}

/* An entry of this bucket is about to be changed. */
static int
come_to_bucket(struct step *f, struct bytes key)
{
	uint64_t bucket;
	int rc = 0;

	if (key.size < sizeof(bucket))
		return MDB_CORRUPTED;
	bucket = record_get_be64(key.data);
	if (bucket != f->bucket)
		rc = store_numbers(f);
	f->bucket = bucket;
	return rc;
}

/* An entry that was there goes; if an open put has replaced it, that did not
 * know its expiry. */
static int
note_gone(struct step *f, struct bytes key, MDB_val old, bool open)
{
	f->bytes -= sizes_of_entry(key, record_bytes(old));
	if (!open)
		return 0;
	f->replaced++;
	return expiry_remove_row(f->store, f->txn, key, record_bytes(old),
	    &f->purged);
}

/*
 * If a row of `expiries` that an earlier segment has put is to be deleted, and
 * is not there, it was purged.  Then both the log and `purged` have counted its
 * removal, and `purged` takes it back.
 */
static int
fold_deleted(struct step *f, const struct table_record *r, bool open)
{
	MDB_val key = record_val(table_record_key(r)), old;
	int rc;

	if ((rc = guard_write(f->store, r->db, table_record_key(r), true)) != 0)
		return rc;
	rc = mdb_cursor_get(f->cursor, &key, &old, MDB_SET);
	if (rc == 0 && r->db == DB_ENTRIES)
		rc = note_gone(f, table_record_key(r), old, open);
	if (rc == 0)
		return mdb_cursor_del(f->cursor, 0);
	if (rc != MDB_NOTFOUND)
		return rc;
	if (r->db == DB_EXPIRIES && r->older == 0 && f->purged.expiring > 0)
		f->purged.expiring--;
	return 0;
}

static int
fold_entry(struct step *f, const struct table_record *r, bool open)
{
	MDB_val key = record_val(table_record_key(r));
	MDB_val val = record_val(table_record_value(r)), old = val;
	int rc;

	f->bytes += sizes_of_entry(table_record_key(r), table_record_value(r));
	rc = mdb_cursor_put(f->cursor, &key, &old, MDB_NOOVERWRITE);
	if (rc != MDB_KEYEXIST)
		return rc;
	if ((rc = note_gone(f, table_record_key(r), old, open)) != 0)
		return rc;
	return mdb_cursor_put(f->cursor, &key, &val, MDB_CURRENT);
}

static int
fold_record(struct step *f, const struct table_record *r, bool open)
{
	MDB_val key = record_val(table_record_key(r));
	MDB_val val = record_val(table_record_value(r));
	int rc = 0;

	if (r->db == DB_ENTRIES)
		rc = come_to_bucket(f, table_record_key(r));
	if (rc != 0)
		return rc;
	if (r->deleted)
		return fold_deleted(f, r, open);
	rc = guard_write(f->store, r->db, table_record_key(r), false);
	if (rc != 0)
		return rc;
	return r->db == DB_ENTRIES ? fold_entry(f, r, open) :
				     mdb_cursor_put(f->cursor, &key, &val, 0);
}

/* Behind all items the place is that of no database. */
static void
set_place(struct fold_place *p, const struct fold_list *l, size_t i)
{
	struct bytes key = { NULL, 0 };

	p->db = DB_COUNT;
	if (i < l->count) {
		p->db = l->items[i].record->db;
		key = table_record_key(l->items[i].record);
	}
	p->key_size = key.size;
	if (key.size > 0)
		memcpy(p->key, key.data, key.size);
}

/* A cursor of the record's database.  It finds a key that is near the one
 * before sooner than from the root. */
static int
use_cursor(struct step *f, const struct table_record *r)
{
	MDB_dbi dbi = f->store->dbi[r->db];

	if (f->cursor != NULL && mdb_cursor_dbi(f->cursor) == dbi)
		return 0;
	if (f->cursor != NULL)
		mdb_cursor_close(f->cursor);
	f->cursor = NULL;
	return mdb_cursor_open(f->txn, dbi, &f->cursor);
}

/* What was written to a damaged bucket is lost with it. */
static bool
is_damaged(const struct store *s, const struct table_record *r)
{
	struct bytes key = table_record_key(r);

	return s->damage != NULL && r->db == DB_ENTRIES &&
	    key.size >= ID_SIZE &&
	    store_is_damaged(s, record_get_be64(key.data));
}

/* Folds up to `max` items from *i on. */
static int
fold_items(struct step *f, size_t max, size_t *i)
{
	const struct fold_list *l = &f->store->fold;
	const struct table_record *r;
	size_t bytes = 0;
	int rc = 0;

	for (; rc == 0 && *i < l->count && max > 0; ++*i, max--) {
		r = l->items[*i].record;
		if (is_damaged(f->store, r))
			continue;
		/* In the order of keys they lie anywhere in the segment. */
		if (*i + AHEAD < l->count)
			__builtin_prefetch(l->items[*i + AHEAD].record);
		if (bytes > FOLD_BYTES_MAX)
			break;
		bytes += r->value_size;
		rc = use_cursor(f, r);
		if (rc == 0)
			rc = fold_record(f, r, l->open[*i]);
	}
	if (f->cursor != NULL)
		mdb_cursor_close(f->cursor);
	return rc == 0 ? store_numbers(f) : rc;
}

/* Goes on at the place, and moves it behind what was folded. */
static int
fold_keys(struct store *s, MDB_txn *txn, struct fold_place *place, size_t max,
    size_t *done)
{
	struct step f = { .store = s, .txn = txn };
	int rc;

	*done = fold_list_find(&s->fold, place->db, fold_place_key(place));
	if ((rc = fold_get_purged(s, txn, &f.purged)) != 0 ||
	    (rc = fold_items(&f, max, done)) != 0)
		return rc;
	set_place(place, &s->fold, *done);
	return fold_put_purged(s, txn, &f.purged);
}

static int
end_fold(struct store *s, MDB_txn *txn)
{
	const struct fold_state state = { .store_id = s->store_id,
		.folded = s->sealed->generation,
		.revision = s->sealed_revision,
		.totals = s->sealed_counts.totals };
	MDB_val key = row(place_row);
	int rc = mdb_del(txn, s->dbi[DB_META], &key, NULL);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	return fold_put_state(s, txn, &state);
}

static bool
is_same_place(const struct fold_place *a, const struct fold_place *b)
{
	return a->generation == b->generation && a->db == b->db &&
	    bytes_equal(fold_place_key(a), fold_place_key(b));
}

/* Where the fold has to go on, as data.mdb says.  In the first transaction of
 * this process that may be anywhere; later, only where the one before ended. */
static int
find_place(struct store *s, MDB_txn *txn, struct fold_place *place)
{
	struct fold_state state;
	int rc;

	if ((rc = fold_get_state(s, txn, &state)) != 0 ||
	    (rc = fold_get_place(s, txn, place)) != 0)
		return rc;
	if (state.store_id != s->store_id ||
	    state.folded + 1 != s->sealed->generation ||
	    (s->place.generation != 0 && !is_same_place(place, &s->place)))
		return FOLD_BY_ANOTHER;
	if (place->generation != 0 &&
	    place->generation != s->sealed->generation)
		return MDB_CORRUPTED;
	place->generation = s->sealed->generation;
	return 0;
}

/* On success, s->place is where the next one goes on. */
static int
fold_step(struct store *s, size_t max, size_t *done)
{
	struct fold_place place;
	MDB_txn *txn;
	int rc;

	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
		return rc;
	if ((rc = guard_begin(s, txn)) == 0 &&
	    (rc = find_place(s, txn, &place)) == 0)
		rc = fold_keys(s, txn, &place, max, done);
	if (rc == 0)
		rc = place.db == DB_COUNT ? end_fold(s, txn) :
					    put_place(s, txn, &place);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	if ((rc = mdb_txn_commit(txn)) == 0)
		s->place = place;
	return rc;
}

/* With no space for a step, a smaller one may do: the pages that it replaces
 * are free for the one after the next. */
static enum store_result
fold_within_space(struct store *s, size_t max, size_t *done)
{
	enum store_result result;
	int rc;

	while (store_is_full(rc = fold_step(s, max, done))) {
		if ((result = guard_full(s)) != STORE_FULL)
			return result;
		if (rc == MDB_MAP_FULL && store_extend(s) == STORE_OK)
			continue;
		if (max <= 1)
			return STORE_FULL;
		max /= 2;
	}
	if (rc == FOLD_BY_ANOTHER)
		return store_fail(s, STORE_FAILED,
		    "%s: another process has folded the log meanwhile", s->dir);
	return store_lmdb_result(s, "fold", rc);
}

/* data.mdb must not have what the log may lose. */
static enum store_result
make_sealed_durable(struct store *s)
{
	return s->durable < s->sealed_revision ? store_log_sync(s) : STORE_OK;
}

static enum store_result
make_list(struct store *s)
{
	if (s->fold.generation == s->sealed->generation ||
	    fold_list_make(&s->fold, s->sealed) == 0)
		return STORE_OK;
	return store_fail_memory(s, "a fold of the log");
}

enum store_result
store_fold(struct store *s, size_t max, bool *more)
{
	enum store_result result;
	size_t done;

	*more = false;
	store_abort(s);
	if (s->sealed == NULL)
		return STORE_OK;
	if ((result = store_use_file(s)) != STORE_OK ||
	    (result = make_sealed_durable(s)) != STORE_OK ||
	    (result = make_list(s)) != STORE_OK ||
	    (result = fold_within_space(s, max, &done)) != STORE_OK)
		return result;
	s->progress = (struct store_progress){ s->sealed->generation, done,
		s->fold.count };
	*more = done < s->fold.count;
	if (*more)
		return STORE_OK;
	s->reported = s->sealed->generation;
	return store_forget_sealed(s);
}

static enum store_result
fold_all(struct store *s)
{
	enum store_result result = STORE_OK;
	bool more = s->sealed != NULL;

	while (more && result == STORE_OK)
		result = store_fold(s, FOLD_ALL_MAX, &more);
	return result;
}

enum store_result
store_checkpoint(struct store *s)
{
	enum store_result result;

	store_abort(s);
	result = fold_all(s);
	if (result != STORE_OK || s->table->records == 0)
		return result;
	if ((result = store_log_seal(s)) != STORE_OK)
		return result;
	return fold_all(s);
}
