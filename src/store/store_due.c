/*
 * store_due: of how many entries of a bucket the time has come, that are not
 * removed yet.  Runs in the registry.
 *
 * There may be millions of them, so nobody goes through all of them at once, or
 * again and again.  The buckets that are counted are in one of two parts, each
 * with a place in `expiries`: of each bucket in the part it is known how many
 * rows it has in front of the place.  As time goes on both places do.  A bucket
 * that was not counted before joins the part that begins at the start; when the
 * place of this one has come to the end of what is due, all of its buckets go
 * over to the other part.
 *
 * Rows that a batch puts or removes change that when it is committed.  Puts to
 * the buckets that are counted look, so no row is left over there unnoticed.
 */

#include <stdlib.h>
#include <string.h>

#include "store/store_watch.h"

void
due_add(struct store *s, struct store_watch *w)
{
	w->part = DUE_OUT;
	s->watches.in[DUE_OUT]++;
}

void
due_leave(struct store *s, struct store_watch *w)
{
	s->watches.in[w->part]--;
}

static void
move(struct store *s, struct store_watch *w, enum due_part part)
{
	s->watches.in[w->part]--;
	s->watches.in[part]++;
	w->part = part;
}

static void
move_all(struct store *s, enum due_part from, enum due_part to)
{
	struct store_watch *w;

	TAILQ_FOREACH(w, &s->watches.by_use, by_use) {
		if (w->part != from)
			continue;
		if (to == DUE_JOINING)
			w->due = 0;
		move(s, w, to);
	}
}

static void
go_to_start(struct due_place *p)
{
	p->size = 0;
	p->until_ms = INT64_MIN;
}

/* Behind all that is due. */
static void
go_to_end(struct store *s, struct due_place *p)
{
	struct expiry_key k;

	expiry_key_make(&k, (uint64_t)s->now_ms + 1, 0,
	    (struct bytes){ NULL, 0 });
	memcpy(p->key, k.data, k.bytes.size);
	p->size = k.bytes.size;
	p->until_ms = s->now_ms;
}

static bool
is_in_front(struct bytes row, const struct due_place *p)
{
	return bytes_compare(row, (struct bytes){ p->key, p->size }) < 0;
}

static void
count_row(struct store_view *v, struct bytes row, enum due_part part)
{
	const uint8_t *p = row.data;
	struct store_watch *w;

	w = watch_find(v->store, record_get_be64(p + sizeof(uint64_t)));
	if (w != NULL && w->part == part && !expiry_is_left_over(v, row))
		w->due++;
}

/* Goes on to the end, or until *left is used up. */
static enum store_result
go_on(struct store_view *v, enum due_part part, size_t *left)
{
	struct due_place *p = &v->store->watches.places[part];
	enum store_result result;
	struct layer_cursor c;

	result = expiry_seek_due(&c, v, (struct bytes){ p->key, p->size });
	for (; result == STORE_OK && *left > 0; --*left) {
		count_row(v, c.key, part);
		result = expiry_next_due(&c);
	}
	if (result == STORE_OK) {
		memcpy(p->key, c.key.data, c.key.size);
		p->size = c.key.size;
	}
	layer_end(&c);
	if (result != STORE_ABSENT)
		return result;
	go_to_end(v->store, p);
	return STORE_OK;
}

/* Those who wait to be counted begin, unless others are on their way. */
static void
begin_joining(struct store *s)
{
	if (s->watches.in[DUE_JOINING] > 0)
		return;
	go_to_start(&s->watches.places[DUE_JOINING]);
	move_all(s, DUE_OUT, DUE_JOINING);
}

/* Each part goes to the end.  Then those that have joined belong to the others. */
static enum store_result
go_on_all(struct store_view *v, size_t *left)
{
	struct store_watches *all = &v->store->watches;
	enum store_result result = STORE_OK;
	enum due_part part;

	for (part = DUE_KNOWN; result == STORE_OK && part <= DUE_JOINING;
	     part++) {
		if (all->in[part] == 0)
			go_to_end(v->store, &all->places[part]);
		else if (all->places[part].until_ms != v->store->now_ms)
			result = go_on(v, part, left);
		if (all->places[part].until_ms != v->store->now_ms)
			return result;
	}
	if (result == STORE_OK)
		move_all(v->store, DUE_JOINING, DUE_KNOWN);
	return result;
}

/* The time has gone back: what was due may not be any more. */
static void
begin_anew(struct store *s)
{
	move_all(s, DUE_KNOWN, DUE_OUT);
	move_all(s, DUE_JOINING, DUE_OUT);
	go_to_start(&s->watches.places[DUE_KNOWN]);
}

enum store_result
due_settle(struct store_view *v, struct store_watch *w, size_t *left,
    bool *known)
{
	struct store *s = v->store;
	enum store_result result = STORE_OK;

	if (s->now_ms < s->watches.places[DUE_KNOWN].until_ms ||
	    s->now_ms < s->watches.places[DUE_JOINING].until_ms)
		begin_anew(s);
	while (
	    result == STORE_OK && !(*known = due_is_known(s, w)) && *left > 0) {
		begin_joining(s);
		result = go_on_all(v, left);
	}
	return result;
}

/* Is nothing due at all, in the batch if there is one? */
static bool
is_none_due(const struct store *s)
{
	return s->counts.totals.expiring == 0 ||
	    s->counts.expiry_from > (uint64_t)s->now_ms;
}

static bool
is_part_known(const struct store *s, const struct store_watch *w)
{
	return w->part == DUE_KNOWN &&
	    s->watches.places[DUE_KNOWN].until_ms == s->now_ms;
}

bool
due_is_known(const struct store *s, const struct store_watch *w)
{
	return is_none_due(s) || is_part_known(s, w);
}

/* How many rows more the bucket has in the batch. */
static int64_t
sum_changes(const struct store *s, uint64_t id)
{
	const struct due_change *changes = s->watches.changes;
	int64_t n = 0;
	size_t i;

	for (i = 0; i < s->counts.due_changes; i++)
		if (changes[i].id == id)
			n += changes[i].n;
	return n;
}

bool
due_get(struct store_view *v, const struct store_watch *w, uint64_t *due)
{
	const struct store *s = v->store;

	*due = 0;
	if (!v->cacheable)
		return false;
	if (is_none_due(s) && (v->writes || !s->batch.open))
		return true;
	if (w == NULL || !is_part_known(s, w))
		return false;
	*due = w->due;
	if (v->writes)
		*due += (uint64_t)sum_changes(s, v->id);
	return true;
}

static enum store_result
note(struct store *s, struct due_change change)
{
	struct store_watches *all = &s->watches;
	size_t n = s->counts.due_changes, max;
	struct due_change *more;

	if (n == all->changes_max) {
		max = n == 0 ? 64 : 2 * n;
		more = realloc(all->changes, max * sizeof(*more));
		if (more == NULL)
			return store_fail_memory(s, "what is due");
		all->changes = more;
		all->changes_max = max;
	}
	all->changes[n] = change;
	s->counts.due_changes++;
	return STORE_OK;
}

/* Is it one of the rows that are counted? */
static bool
is_counted(struct store *s, struct bytes row, uint64_t id)
{
	const struct store_watch *w;

	return s->watches.count > 0 && (w = watch_find(s, id)) != NULL &&
	    w->part != DUE_OUT && is_in_front(row, &s->watches.places[w->part]);
}

enum store_result
due_put(struct store *s, struct bytes row, uint64_t id)
{
	return is_counted(s, row, id) ? note(s, (struct due_change){ id, 1 }) :
					STORE_OK;
}

/* When a row is damaged it goes alone, and its entry has none from then on. */
enum store_result
due_remove(struct store_view *v, struct bytes row, uint64_t id)
{
	enum store_result result;
	struct bytes value;

	if (!is_counted(v->store, row, id))
		return STORE_OK;
	result = layer_get(v, DB_EXPIRIES, row, &value);
	if (result != STORE_OK)
		return result == STORE_ABSENT ? STORE_OK : result;
	return note(v->store, (struct due_change){ id, -1 });
}

enum store_result
due_expire(struct store_view *v, struct bytes row, uint64_t id)
{
	if (!is_counted(v->store, row, id) || expiry_is_left_over(v, row))
		return STORE_OK;
	return note(v->store, (struct due_change){ id, -1 });
}

void
due_commit(struct store *s)
{
	const struct due_change *changes = s->watches.changes;
	struct store_watch *w;
	size_t i;

	for (i = 0; i < s->counts.due_changes; i++)
		if ((w = watch_find(s, changes[i].id)) != NULL)
			w->due += (uint64_t)(int64_t)changes[i].n;
	s->counts.due_changes = 0;
}
