/*
 * store_fold: brings what a sealed segment holds into data.mdb.  Runs in the
 * registry.
 *
 * A fold goes through the table in order, in durable transactions of LMDB's.
 * Each stores where the next one has to go on, and the last that the
 * generation is folded; so a fold that was cut off is continued, and one that
 * is repeated would write the same again.
 */

#include <errno.h>
#include <string.h>

#include "store/store_record.h"

/* When nobody else can do anything meanwhile. */
#define FOLD_ALL_MAX 10000

/* Rows of `meta`. */
static const char log_row[] = "log", place_row[] = "folding",
		  purged_row[] = "purged";

#define STATE_NUMBERS 8
#define PLACE_HEADER (sizeof(uint64_t) + 1)

/* The first key that is not yet folded. */
struct place {
	uint64_t generation; /* 0: no fold has begun */
	uint8_t db;
	uint8_t key[TABLE_KEY_MAX];
	size_t key_size;
};

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

static int
get_place(struct store *s, MDB_txn *txn, struct place *p)
{
	MDB_val key = row(place_row), val;
	const uint8_t *data;
	int rc;

	*p = (struct place){ .generation = 0 };
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
put_place(struct store *s, MDB_txn *txn, const struct place *p)
{
	uint8_t data[PLACE_HEADER + sizeof(p->key)];
	MDB_val key = row(place_row),
		val = { PLACE_HEADER + p->key_size, data };

	record_put_le64(data, p->generation);
	data[sizeof(p->generation)] = p->db;
	memcpy(data + PLACE_HEADER, p->key, p->key_size);
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

int
fold_is_begun(struct store *s, MDB_txn *txn, bool *begun)
{
	struct place place;
	int rc = get_place(s, txn, &place);

	*begun = rc == 0 && place.generation != 0;
	return rc;
}

static int
fold_record(struct store *s, MDB_txn *txn, const struct table_record *r)
{
	MDB_val key = record_val(table_record_key(r));
	MDB_val val = record_val(table_record_value(r));
	int rc;

	if (!r->deleted)
		return mdb_put(txn, s->dbi[r->db], &key, &val, 0);
	rc = mdb_del(txn, s->dbi[r->db], &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Folds up to `max` keys.  *done: there are no more. */
static int
fold_keys(struct store *s, MDB_txn *txn, struct place *p, size_t max,
    bool *done)
{
	const struct table_record *r;
	struct table_key *k;
	struct bytes key;
	int rc;

	*done = false;
	for (; p->db < DB_COUNT; p->db++, p->key_size = 0) {
		k = table_seek(s->sealed, p->db,
		    (struct bytes){ p->key, p->key_size });
		for (; k != NULL; k = table_after(s->sealed, k), max--) {
			r = table_newest(s->sealed, k);
			if (max == 0) {
				key = table_record_key(r);
				p->key_size = key.size;
				memcpy(p->key, key.data, key.size);
				return 0;
			}
			if ((rc = fold_record(s, txn, r)) != 0)
				return rc;
		}
	}
	*done = true;
	return 0;
}

static int
end_fold(struct store *s, MDB_txn *txn)
{
	const struct fold_state state = { .store_id = s->store_id,
		.folded = s->sealed->generation,
		.revision = store_log_segment(s)->previous_revision,
		.totals = s->sealed_counts.totals };
	MDB_val key = row(place_row);
	int rc = mdb_del(txn, s->dbi[DB_META], &key, NULL);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	return fold_put_state(s, txn, &state);
}

static int
fold_step(struct store *s, size_t max, bool *done)
{
	struct place place;
	MDB_txn *txn;
	int rc;

	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
		return rc;
	rc = get_place(s, txn, &place);
	if (rc == 0 && place.generation != 0 &&
	    place.generation != s->sealed->generation)
		rc = MDB_CORRUPTED;
	if (rc == 0) {
		place.generation = s->sealed->generation;
		rc = fold_keys(s, txn, &place, max, done);
	}
	if (rc == 0)
		rc = *done ? end_fold(s, txn) : put_place(s, txn, &place);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

/* With no space for a step, a smaller one may do: the pages that it replaces
 * are free for the one after the next. */
static enum store_result
fold_within_space(struct store *s, size_t max, bool *done)
{
	int rc;

	while ((rc = fold_step(s, max, done)) == MDB_MAP_FULL) {
		if (store_extend(s) == STORE_OK)
			continue;
		if (max <= 1)
			break;
		max /= 2;
	}
	return store_lmdb_result(s, "fold", rc);
}

bool
store_fold_due(const struct store *s)
{
	return s->sealed != NULL;
}

/* It has to be over by the time that the open segment is half full. */
bool
store_fold_lags(const struct store *s)
{
	double bytes = (double)s->table->end / (double)s->log_size;
	double records = (double)s->table->records / STORE_RECORDS_MAX;

	return s->sealed != NULL &&
	    (double)s->folded_keys <
	    2 * (bytes > records ? bytes : records) * s->sealed->n_keys;
}

enum store_result
store_fold(struct store *s, size_t max, bool *more)
{
	enum store_result result;
	bool done;

	*more = false;
	store_abort(s);
	if (s->sealed == NULL)
		return STORE_OK;
	/* data.mdb must not have what the log may lose. */
	if (s->durable < store_log_segment(s)->previous_revision &&
	    (result = store_log_sync(s)) != STORE_OK)
		return result;
	if ((result = fold_within_space(s, max, &done)) != STORE_OK)
		return result;
	*more = !done;
	s->folded_keys += max;
	if (!done)
		return STORE_OK;
	s->folded = s->sealed->generation;
	s->folded_keys = 0;
	s->sealed_counts.reserved = 0;
	s->spare = s->sealed;
	s->sealed = NULL;
	return store_measure_space(s);
}

enum store_result
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
