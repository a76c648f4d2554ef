/*
 * store_count: how many entries a bucket has.  Runs in the registry.
 *
 * A put that finds its key in neither table does not look into data.mdb.  It is
 * open: nobody knows whether it replaces an entry, and the bucket's record
 * counts it as a new one.  So a bucket has as many entries as its record says,
 * less the open puts that did replace one.  Those that are folded the
 * checkpointer has counted, in the transaction that folded them
 * (store_replaced.c); the others are looked up here.
 *
 * That is done in the order in which they are folded.  Wherever it has come, the
 * number does not change when more of them is folded; and where the fold has
 * come further, its number is taken instead.
 *
 * A bucket that somebody counts is watched: puts to it look, so that its number
 * remains known.
 */

#include <stdlib.h>
#include <string.h>

#include "store/store_watch.h"

/* So many buckets are watched at most: what several transactions count. */
#define WATCHES_MAX 4096
/* When there are so many, one that was used lately is kept for who uses it. */
#define KEEP_MS 1000

static int
compare_watches(const struct store_watch *a, const struct store_watch *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_INTERNAL(store_watch_tree, store_watch, by_id, compare_watches,
    static __attribute__((unused)))

struct store_watch *
watch_find(struct store *s, uint64_t id)
{
	struct store_watch wanted = { .id = id };

	return RB_FIND(store_watch_tree, &s->watches.by_id, &wanted);
}

static void
free_watch(struct store *s, struct store_watch *w)
{
	RB_REMOVE(store_watch_tree, &s->watches.by_id, w);
	TAILQ_REMOVE(&s->watches.by_use, w, by_use);
	s->watches.count--;
	due_leave(s, w);
	free(w);
}

static void
use_watch(struct store *s, struct store_watch *w)
{
	TAILQ_REMOVE(&s->watches.by_use, w, by_use);
	TAILQ_INSERT_HEAD(&s->watches.by_use, w, by_use);
	w->used = s->table->generation;
	w->used_ms = s->now_ms;
}

/* Is there a place for another one?  If all are in use, not now. */
static bool
make_place(struct store *s)
{
	struct store_watch *oldest;

	if (s->watches.count < WATCHES_MAX)
		return true;
	oldest = TAILQ_LAST(&s->watches.by_use, store_watch_list);
	if (s->now_ms - oldest->used_ms < KEEP_MS)
		return false;
	free_watch(s, oldest);
	return true;
}

/* NULL: there is no memory. */
static struct store_watch *
new_watch(struct store *s, uint64_t id)
{
	struct store_watch *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->id = id;
	RB_INSERT(store_watch_tree, &s->watches.by_id, w);
	TAILQ_INSERT_HEAD(&s->watches.by_use, w, by_use);
	s->watches.count++;
	due_add(s, w);
	return w;
}

void
count_init(struct store *s)
{
	RB_INIT(&s->watches.by_id);
	TAILQ_INIT(&s->watches.by_use);
}

void
count_forget(struct store *s, uint64_t before)
{
	struct store_watch *w;

	while ((w = TAILQ_LAST(&s->watches.by_use, store_watch_list)) != NULL &&
	    w->used < before)
		free_watch(s, w);
}

void
count_free(struct store *s)
{
	count_forget(s, UINT64_MAX);
	free(s->watches.changes);
	s->watches.changes = NULL;
	s->watches.changes_max = 0;
}

bool
count_is_watched(struct store *s, uint64_t id)
{
	return s->watches.count > 0 && watch_find(s, id) != NULL;
}

static struct bytes
place_key(const struct store_watch *w)
{
	return (struct bytes){ w->key, w->key_size };
}

static void
set_place(struct store_watch *w, uint64_t generation, struct bytes key)
{
	w->generation = generation;
	w->key_size = key.size;
	if (key.size > 0) /* then data may be NULL */
		memcpy(w->key, key.data, key.size);
}

static bool
is_of(const struct store_watch *w, struct bytes key)
{
	return key.size > ID_SIZE && record_get_be64(key.data) == w->id;
}

/* Where the fold is, as the view's data.mdb says, among the bucket's entries. */
static int
find_fold(struct store_view *v, const struct store_watch *w,
    uint64_t *generation, struct fold_place *place)
{
	struct entry_key first;
	struct fold_state state;
	int rc, order;

	if ((rc = fold_get_state(v->store, v->txn, &state)) != 0 ||
	    (rc = fold_get_place(v->store, v->txn, place)) != 0)
		return rc;
	*generation = state.folded + 1;
	entry_key_make(&first, w->id, (struct bytes){ NULL, 0 });
	order = (int)place->db - DB_ENTRIES;
	if (order == 0 && is_of(w, fold_place_key(place)))
		return 0;
	if (order == 0)
		order = bytes_compare(fold_place_key(place), first.bytes);
	if (place->generation != 0 && order > 0)
		++*generation;
	place->key_size = 0;
	return 0;
}

/* Takes over what was folded. */
static int
take_folded(struct store_view *v, struct store_watch *w)
{
	struct fold_place place;
	uint64_t generation;
	int rc;

	if ((rc = find_fold(v, w, &generation, &place)) != 0 ||
	    generation < w->generation ||
	    (generation == w->generation &&
		bytes_compare(fold_place_key(&place), place_key(w)) <= 0))
		return rc;
	set_place(w, generation, fold_place_key(&place));
	return replaced_get(v->store, v->txn, w->id, &w->replaced);
}

/* Did the put, which is not folded yet, replace an entry? */
static int
look_up(struct store_view *v, struct store_watch *w, const struct table *t,
    const struct table_record *first)
{
	struct bytes value;
	enum store_result result;

	if (!first->open || table_revision(t, first) > v->revision)
		return 0;
	result =
	    layer_get_from_data(v, DB_ENTRIES, table_record_key(first), &value);
	w->replaced += result == STORE_OK;
	return result == STORE_FAILED ? MDB_CORRUPTED : 0;
}

/* Goes through the bucket's keys in a table, up to *left of them.  If that is
 * all, the place is the next table. */
static int
go_through(struct store_view *v, struct store_watch *w, struct table *t,
    size_t *left)
{
	const struct table_record *first;
	struct entry_key from;
	struct table_key *k;
	int rc = 0;

	entry_key_make(&from, w->id, (struct bytes){ NULL, 0 });
	k = table_seek(t, DB_ENTRIES,
	    w->key_size > 0 ? place_key(w) : from.bytes);
	for (; rc == 0 && k != NULL; k = table_after(t, k)) {
		first = table_walk_first(t);
		if (!is_of(w, table_record_key(first)))
			break;
		if (*left == 0) {
			set_place(w, t->generation, table_record_key(first));
			return 0;
		}
		--*left;
		rc = look_up(v, w, t, first);
	}
	set_place(w, t->generation + 1, (struct bytes){ NULL, 0 });
	return rc;
}

/* Goes on from the place, for up to *left keys. */
static enum store_result
settle(struct store_view *v, struct store_watch *w, size_t *left)
{
	struct table *t;
	size_t i;
	int rc;

	rc = take_folded(v, w);
	for (i = 2; rc == 0 && i-- > 0;)
		if ((t = v->tables[i]) != NULL &&
		    t->generation == w->generation)
			rc = go_through(v, w, t, left);
	w->settled = w->generation > v->tables[0]->generation;
	return store_lmdb_result(v->store, "count", rc);
}

/* Without a record in a table the known bucket has no puts there. */
static bool
is_in_log(struct store_view *v)
{
	struct bytes name = { v->name, v->name_size }, record;
	struct table_place place;
	bool known;

	(void)layer_find_in_tables(v, DB_BUCKETS, name, &place, &record,
	    &known);
	return known || v->changed;
}

/* What is known already, without going through anything. */
static bool
is_known(struct store_view *v, const struct store_watch *w)
{
	if (w == NULL)
		return !is_in_log(v) && due_get(v, NULL, &(uint64_t){ 0 });
	return w->settled && due_is_known(v->store, w);
}

enum store_result
store_settle(struct store_view *v, struct bytes bucket, size_t *max,
    bool *settled)
{
	enum store_result result;
	struct store *s = v->store;
	struct store_watch *w;
	bool known = false;

	*settled = false;
	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	w = watch_find(s, v->id);
	*settled = is_known(v, w);
	if (w != NULL)
		use_watch(s, w);
	if (*settled || s->batch.open || (w == NULL && !make_place(s)))
		return STORE_OK;
	if (w == NULL && (w = new_watch(s, v->id)) == NULL)
		return store_fail_memory(s, "a count");
	use_watch(s, w);
	if (!w->settled && *max > 0)
		result = settle(v, w, max);
	if (result == STORE_OK)
		result = due_settle(v, w, max, &known);
	*settled = w->settled && known;
	return result;
}

/* Was the known bucket made in this batch?  Then data.mdb has nothing of it. */
static bool
is_new(const struct store_view *v)
{
	return v->new_from != 0 && v->id >= v->new_from;
}

/* How many open puts of the known bucket did replace an entry. */
static enum store_result
count_replaced(struct store_view *v, uint64_t *replaced)
{
	struct store_watch w = { .id = v->id }, *known = NULL;
	size_t left = SIZE_MAX;
	enum store_result result;

	*replaced = 0;
	if (is_new(v))
		return STORE_OK;
	if (v->cacheable && (known = watch_find(v->store, v->id)) != NULL &&
	    known->settled) {
		*replaced = known->replaced;
		return STORE_OK;
	}
	if (!is_in_log(v))
		return store_lmdb_result(v->store, "count",
		    replaced_get(v->store, v->txn, v->id, replaced));
	result = settle(v, &w, &left);
	*replaced = w.replaced;
	return result;
}

/* Without a watch, counting is a walk over all that is due: once for all who
 * ask. */
static enum store_result
count_due(struct store_view *v, uint64_t *due)
{
	enum store_result result;

	*due = 0;
	/* Only a test moves the clock so that what it puts is due at once. */
	if (is_new(v) &&
	    (v->put_expiry == 0 || !entry_is_due(v->store, v->put_expiry)))
		return STORE_OK;
	if (due_get(v, watch_find(v->store, v->id), due))
		return STORE_OK;
	if (!v->counted || v->due_id != v->id ||
	    v->due_at_ms != v->store->now_ms) {
		result = expiry_count_due(v, v->id, &v->due);
		if (result != STORE_OK)
			return result;
		v->due_id = v->id;
		v->due_at_ms = v->store->now_ms;
		v->counted = !v->writes;
	}
	*due = v->due;
	return STORE_OK;
}

enum store_result
store_count(struct store_view *v, struct bytes bucket, uint64_t *count)
{
	enum store_result result;
	uint64_t due, replaced;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK ||
	    (result = count_replaced(v, &replaced)) != STORE_OK ||
	    (result = count_due(v, &due)) != STORE_OK)
		return result;
	/* Damage may have left rows without an entry. */
	*count = v->count > replaced + due ? v->count - replaced - due : 0;
	return STORE_OK;
}
