/*
 * store_head: the first key of a bucket, for who removes one after the other.
 * Runs in the registry.
 */

#include <stdlib.h>
#include <string.h>

#include "store/store_head.h"
#include "store/store_record.h"

/* Heads that are remembered; the one that was not used for longest goes. */
#define HEADS_MAX 64
/* Keys that a head has. */
#define KEYS_MAX 128
/* Those that a scan leaves room for are put meanwhile. */
#define SCAN_KEYS (KEYS_MAX * 3 / 4)

/* A key, or the least that is greater than one: that has a zero behind it. */
struct head_key {
	uint16_t size;
	uint8_t data[UINT8_MAX + 1];
};

struct head {
	uint64_t used; /* when it was last used: s->heads->uses then */
	int64_t now_ms; /* the time by which entries had expired */
	struct head_key prefix;
	/* Every entry that begins with the prefix and is less than `from` is
	 * among the keys, of which some may have no entry any more. */
	struct head_key from;
	bool whole; /* there is nothing from there on */
	/* This holds for what the batch shows, but not for the last commit. */
	bool unsure;
	/* Whatever of the batch is taken back, no entry is less. */
	struct head_key least;
	size_t n;
	size_t first; /* those before it have no entry in the batch */
	struct head_key keys[KEYS_MAX];
};

struct store_heads {
	uint64_t uses;
	size_t n;
	uint64_t ids[HEADS_MAX]; /* of the buckets */
	struct head *heads[HEADS_MAX];
};

static struct bytes
bytes_of(const struct head_key *k)
{
	return (struct bytes){ k->data, k->size };
}

static void
set_key(struct head_key *k, struct bytes key)
{
	k->size = (uint16_t)key.size;
	if (key.size > 0) /* or data may be NULL */
		memcpy(k->data, key.data, key.size);
}

/* Knows only that no entry is less than this. */
static void
go_to(struct head *h, struct bytes key)
{
	set_key(&h->from, key);
	h->whole = h->unsure = false;
	h->n = h->first = 0;
}

static void
reset(struct head *h)
{
	h->least = h->prefix;
	h->now_ms = 0;
	go_to(h, bytes_of(&h->prefix));
}

/* Removes the first keys. */
static void
drop(struct head *h, size_t n)
{
	h->n -= n;
	h->first -= n;
	memmove(h->keys, h->keys + n, h->n * sizeof(h->keys[0]));
}

/* Where the key is, or would be. */
static size_t
search(const struct head *h, struct bytes key)
{
	size_t from = 0, end = h->n, middle;

	while (from < end) {
		middle = from + (end - from) / 2;
		if (bytes_compare(bytes_of(&h->keys[middle]), key) < 0)
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

/* Makes room for a key.  Those that the batch has removed go first, then the
 * last one. */
static void
make_room(struct head *h)
{
	if (h->first > 0) {
		drop(h, h->first);
		h->unsure = true;
		return;
	}
	h->from = h->keys[--h->n];
	h->whole = false;
}

/* An entry is put whose key begins with the prefix. */
static void
add(struct head *h, struct bytes key)
{
	size_t at = search(h, key);

	if (bytes_compare(key, bytes_of(&h->least)) < 0)
		set_key(&h->least, key);
	if (at == h->n || !bytes_equal(bytes_of(&h->keys[at]), key)) {
		if (h->n == KEYS_MAX) {
			make_room(h);
			add(h, key);
			return;
		}
		if (!h->whole && bytes_compare(key, bytes_of(&h->from)) >= 0)
			return; /* the next scan finds it */
		memmove(h->keys + at + 1, h->keys + at,
		    (h->n - at) * sizeof(h->keys[0]));
		set_key(&h->keys[at], key);
		h->n++;
	}
	if (at < h->first)
		h->first = at;
}

void
store_heads_put(struct store *s, uint64_t id, struct bytes key)
{
	struct head *h;
	size_t i;

	if (s->heads == NULL)
		return;
	for (i = 0; i < s->heads->n; i++) {
		h = s->heads->heads[i];
		if (s->heads->ids[i] == id &&
		    bytes_begin_with(key, bytes_of(&h->prefix)))
			add(h, key);
	}
}

void
store_heads_commit(struct store *s)
{
	struct head *h;
	size_t i;

	for (i = 0; s->heads != NULL && i < s->heads->n; i++) {
		h = s->heads->heads[i];
		h->unsure = false;
		if (h->first > 0)
			drop(h, h->first);
		h->least = h->n > 0 ? h->keys[0] : h->from;
	}
}

void
store_heads_undo(struct store *s)
{
	struct head *h;
	size_t i;

	for (i = 0; s->heads != NULL && i < s->heads->n; i++) {
		h = s->heads->heads[i];
		h->first = 0;
		if (h->unsure)
			go_to(h, bytes_of(&h->least));
	}
}

void
store_heads_free(struct store *s)
{
	size_t i;

	for (i = 0; s->heads != NULL && i < s->heads->n; i++)
		free(s->heads->heads[i]);
	free(s->heads);
	s->heads = NULL;
}

/* A place for another head: a new one, or that of the head which was not used
 * for longest.  NULL: there is no memory. */
static struct head **
take_place(struct store_heads *all)
{
	size_t i, oldest = 0;

	if (all->n < HEADS_MAX) {
		all->heads[all->n] = calloc(1, sizeof(struct head));
		return all->heads[all->n] == NULL ? NULL :
						    &all->heads[all->n++];
	}
	for (i = 1; i < HEADS_MAX; i++)
		if (all->heads[i]->used < all->heads[oldest]->used)
			oldest = i;
	return &all->heads[oldest];
}

/* NULL: there is no memory. */
static struct head *
find_head(struct store *s, uint64_t id, struct bytes prefix)
{
	struct store_heads *all = s->heads;
	struct head **place;
	size_t i;

	if (all == NULL && (all = s->heads = calloc(1, sizeof(*all))) == NULL)
		return NULL;
	for (i = 0; i < all->n; i++)
		if (all->ids[i] == id &&
		    bytes_equal(bytes_of(&all->heads[i]->prefix), prefix))
			return all->heads[i];
	if ((place = take_place(all)) == NULL)
		return NULL;
	all->ids[place - all->heads] = id;
	set_key(&(*place)->prefix, prefix);
	reset(*place);
	return *place;
}

static bool
is_due(const struct store *s, struct head *h, struct bytes record)
{
	if (!entry_is_due(s, entry_expiry(record)))
		return false;
	/* Should the time go back it is there again. */
	h->now_ms = s->now_ms;
	return true;
}

/* The name of the key that the cursor is at; false: it is behind the head's. */
static bool
name_at(const struct layer_cursor *c, const struct head *h, uint64_t id,
    struct bytes *name)
{
	if (c->key.size <= ID_SIZE || record_get_be64(c->key.data) != id)
		return false;
	*name = (struct bytes){ (const uint8_t *)c->key.data + ID_SIZE,
		c->key.size - ID_SIZE };
	return bytes_begin_with(*name, bytes_of(&h->prefix));
}

/* Is this the key of an entry, or might it be if the batch were taken back? */
static bool
is_wanted(const struct layer_cursor *c, struct head *h)
{
	return c->is_new ||
	    (!c->deleted && !is_due(c->view->store, h, c->value));
}

/* Takes the keys of entries from where the last scan has ended.  *left is how
 * many keys it may go past, be there an entry or not. */
static enum store_result
scan_on(struct store_view *v, struct head *h, size_t *left)
{
	uint8_t from[ID_SIZE + sizeof(h->from.data)];
	enum store_result result;
	struct layer_cursor c;
	struct bytes name;

	record_put_be64(from, v->id);
	memcpy(from + ID_SIZE, h->from.data, h->from.size);
	result = layer_seek_all(&c, v, DB_ENTRIES,
	    (struct bytes){ from, ID_SIZE + h->from.size });
	while (result == STORE_OK && name_at(&c, h, v->id, &name)) {
		set_key(&h->from, name);
		if (h->n == SCAN_KEYS || *left == 0) {
			layer_end(&c);
			return STORE_OK;
		}
		--*left;
		if (is_wanted(&c, h))
			set_key(&h->keys[h->n++], name);
		result = layer_next(&c);
	}
	layer_end(&c);
	h->whole = result == STORE_OK || result == STORE_ABSENT;
	return h->whole ? STORE_OK : result;
}

/* Goes past the keys that have no entry any more. */
static enum store_result
find_first(struct store_view *v, struct head *h, struct bytes *key)
{
	enum store_result result;
	struct bytes record;
	struct entry_key k;

	for (; h->first < h->n; h->first++) {
		*key = bytes_of(&h->keys[h->first]);
		entry_key_make(&k, v->id, *key);
		result = layer_get(v, DB_ENTRIES, k.bytes, &record);
		if (result == STORE_OK && is_due(v->store, h, record))
			continue;
		if (result != STORE_ABSENT)
			return result;
	}
	return STORE_ABSENT;
}

enum store_result
store_first(struct store_view *v, struct bytes bucket, struct bytes prefix,
    size_t *left, struct bytes *key)
{
	struct store *s = v->store;
	enum store_result result;
	struct head *h;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK)
		return result;
	if ((h = find_head(s, v->id, prefix)) == NULL)
		return store_fail_memory(s, "a queue");
	h->used = ++s->heads->uses;
	if (h->now_ms > s->now_ms)
		reset(h);
	while ((result = find_first(v, h, key)) == STORE_ABSENT && !h->whole) {
		if (*left == 0)
			return STORE_AGAIN;
		if (h->n >= SCAN_KEYS) {
			drop(h, h->first);
			h->unsure = true;
		}
		if ((result = scan_on(v, h, left)) != STORE_OK)
			return result;
	}
	return result;
}
