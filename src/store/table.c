/*
 * table: what a segment of the log holds.  Runs in the registry and the
 * checkpointer.
 *
 * A key is found by a hash.  The order of keys is kept in runs: whenever so
 * many have come, they are sorted.  A walk merges the runs.  So no put and no
 * walk has to sort more than one run, and it costs less than a tree, in which
 * each key that is put is some cache misses.
 */

#include <sys/mman.h>
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include "store/record_sort.h"
#include "store/siphash.h"
#include "store/table.h"

/* Bytes of the image for each chain: the smallest entries take as much. */
#define CHAIN_BYTES 64
/* A segment ends at some 300,000 records, however large it may be. */
#define CHAINS_MAX ((uint32_t)1 << 20)
/* Sorting a run takes 2 ms at most; a walk begins with a search in each. */
#define RUN 8192
/* Records of a commit that are looked up together. */
#define REPLAYED_MAX 16

/* Pages that are not used are not taken. */
static void *
reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static size_t
heads_size(const struct table *t)
{
	return ((size_t)t->mask + 1) * sizeof(t->heads[0]);
}

static size_t
keys_size(const struct table *t)
{
	return (size_t)t->keys_max * sizeof(t->keys[0]);
}

static size_t
order_size(const struct table *t)
{
	return (size_t)t->keys_max * sizeof(t->order[0]);
}

static size_t
sorted_size(void)
{
	return 2 * RUN * sizeof(struct sorted_record);
}

static size_t
walk_size(const struct table *t)
{
	return (t->keys_max / RUN + 1) * sizeof(t->walk[0]);
}

static size_t
commits_size(const struct table *t)
{
	return (size_t)t->commits_max * sizeof(t->commits[0]);
}

static void
forget(struct table *t)
{
	t->n_keys = t->n_ordered = t->n_walk = 0;
	t->n_commits = 0;
	t->records = 0;
	t->revision = 0;
	t->end = SEGMENT_BLOCK;
}

struct table *
table_new(size_t capacity, const uint64_t hash_key[2])
{
	struct table *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->holders = 1;
	t->capacity = capacity;
	memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
	t->keys_max = (uint32_t)(capacity / sizeof(struct table_record));
	t->commits_max = (uint32_t)(capacity / sizeof(struct segment_commit));
	while (t->mask < capacity / CHAIN_BYTES - 1 && t->mask < CHAINS_MAX - 1)
		t->mask = t->mask * 2 + 1;
	t->image = reserve(capacity);
	t->keys = reserve(keys_size(t));
	t->heads = reserve(heads_size(t));
	t->order = reserve(order_size(t));
	t->sorted = reserve(sorted_size());
	t->walk = reserve(walk_size(t));
	t->commits = reserve(commits_size(t));
	forget(t);
	if (t->image == NULL || t->keys == NULL || t->heads == NULL ||
	    t->order == NULL || t->sorted == NULL || t->walk == NULL ||
	    t->commits == NULL) {
		table_drop(t);
		return NULL;
	}
	return t;
}

struct table *
table_hold(struct table *t)
{
	t->holders++;
	return t;
}

static void
give_back(void *memory, size_t size)
{
	if (memory != NULL)
		(void)munmap(memory, size);
}

void
table_drop(struct table *t)
{
	if (t == NULL || --t->holders > 0)
		return;
	give_back(t->image, t->capacity);
	give_back(t->keys, keys_size(t));
	give_back(t->heads, heads_size(t));
	give_back(t->order, order_size(t));
	give_back(t->sorted, sorted_size());
	give_back(t->walk, walk_size(t));
	give_back(t->commits, commits_size(t));
	free(t);
}

void
table_reset(struct table *t, uint64_t generation)
{
	if (t->n_keys > 0)
		memset(t->heads, 0, heads_size(t));
	forget(t);
	t->generation = generation;
}

uint32_t
table_hash(const struct table *t, enum table_db db, struct bytes key)
{
	return (uint32_t)siphash(t->hash_key, key.data, key.size) +
	    (uint32_t)db;
}

struct table_place
table_place_hashed(const struct table *t, enum table_db db, struct bytes key,
    uint32_t hash)
{
	uint32_t n = t->heads[hash & t->mask];
	const struct table_record *r;
	const struct table_key *k;

	for (; n != 0; n = k->chain) {
		k = &t->keys[n - 1];
		if (k->hash != hash)
			continue;
		r = table_newest(t, k);
		if (r->db == db && bytes_equal(table_record_key(r), key))
			break;
	}
	return (struct table_place){ db, key, hash, n };
}

struct table_place
table_place(const struct table *t, enum table_db db, struct bytes key)
{
	return table_place_hashed(t, db, key, table_hash(t, db, key));
}

uint64_t
table_revision(const struct table *t, const struct table_record *r)
{
	const struct segment_commit *c = (const void *)(t->image + r->commit);

	return c->revision;
}

const struct table_record *
table_version(const struct table *t, const struct table_key *k,
    uint64_t revision)
{
	const struct table_record *r = table_newest(t, k);

	if (revision >= t->revision)
		return r;
	while (table_revision(t, r) > revision) {
		if (r->older == 0)
			return NULL;
		r = table_record_at(t, r->older);
	}
	return r;
}

const struct table_record *
table_get(const struct table *t, const struct table_place *p, uint64_t revision)
{
	return p->number == 0 ?
	    NULL :
	    table_version(t, &t->keys[p->number - 1], revision);
}

/* The order */

/* The first record of the key that is in this place of the order. */
static const struct table_record *
ordered_at(const struct table *t, uint32_t at)
{
	return table_record_at(t, t->order[at].first);
}

/* The first place from `from` to `end`, which are in one run, that is not
 * less; or `end`. */
static uint32_t
search(const struct table *t, uint32_t from, uint32_t end, enum table_db db,
    struct bytes key)
{
	const struct table_record *r;
	uint32_t middle;

	while (from < end) {
		middle = from + (end - from) / 2;
		r = ordered_at(t, middle);
		if (r->db < db ||
		    (r->db == db &&
			bytes_compare(table_record_key(r), key) < 0))
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

/* Where the run ends that this place belongs to. */
static uint32_t
run_end(const struct table *t, uint32_t at)
{
	uint32_t left = t->n_ordered - at, rest = RUN - at % RUN;

	return at + (left < rest ? left : rest);
}

/* Merges `n` sorted keys into the last run.  The greatest key comes first: what
 * is greater than it is moved to where it stays. */
static void
merge(struct table *t, uint32_t n)
{
	uint32_t from = t->n_ordered / RUN * RUN, end = t->n_ordered, at;
	const struct sorted_record *s;

	t->n_ordered += n;
	while (n-- > 0) {
		s = &t->sorted[n];
		at = search(t, from, end, (enum table_db)s->record->db,
		    table_record_key(s->record));
		memmove(t->order + at + n + 1, t->order + at,
		    (end - at) * sizeof(t->order[0]));
		t->order[at + n] = (struct table_ordered){ s->number,
			(uint32_t)((const uint8_t *)s->record - t->image) };
		end = at;
	}
}

/* What is not in order yet belongs to the last run. */
static void
make_order(struct table *t)
{
	uint32_t n = t->n_keys - t->n_ordered, i;
	const struct table_ordered *k;

	if (n == 0)
		return;
	for (i = 0; i < n; i++) {
		k = &t->order[t->n_ordered + i];
		t->sorted[i].record = table_record_at(t, k->first);
		t->sorted[i].number = k->number;
	}
	record_sort(t->sorted, t->sorted + RUN, n);
	merge(t, n);
	t->n_walk = 0;
}

/* Of the last run that stays, the first keys stay. */
static void
cut_order(struct table *t, uint32_t n_keys)
{
	uint32_t at = n_keys / RUN * RUN, to = at, end;

	if (t->n_ordered <= n_keys)
		return;
	for (end = run_end(t, at); at < end; at++)
		if (t->order[at].number < n_keys)
			t->order[to++] = t->order[at];
	t->n_ordered = n_keys;
	t->n_walk = 0;
}

static void
add_key(struct table *t, uint32_t first, uint32_t sum)
{
	uint32_t *head = &t->heads[sum & t->mask], number = t->n_keys++;

	t->keys[number] = (struct table_key){ first, *head, sum };
	t->order[number] = (struct table_ordered){ number, first };
	*head = number + 1;
	if (t->n_keys % RUN == 0)
		make_order(t);
}

/* Makes the record the newest version of its key.  False: too many keys. */
static bool
add_version(struct table *t, const struct table_place *p, uint32_t at)
{
	if (p->number == 0 && t->n_keys == t->keys_max)
		return false;
	if (p->number == 0)
		add_key(t, at, p->hash);
	else
		t->keys[p->number - 1].newest = at;
	t->records++;
	return true;
}

/* Where the newest version of the key is; 0: there is none. */
static uint32_t
newest_at(const struct table *t, const struct table_place *p)
{
	return p->number == 0 ? 0 : t->keys[p->number - 1].newest;
}

void
table_begin(struct table *t, size_t start, uint64_t revision)
{
	struct segment_commit *c = (void *)(t->image + start);

	c->revision = revision;
	t->commit = (uint32_t)start;
	t->revision = revision;
	t->end = start + sizeof(*c);
}

uint8_t *
table_put(struct table *t, const struct table_place *p, size_t value_size,
    bool deleted, size_t limit)
{
	struct table_record *r = (void *)(t->image + t->end);
	size_t size = sizeof(*r) + p->key.size + value_size + 7;

	if (size > limit || t->end > limit - size)
		return NULL;
	*r = (struct table_record){ .older = newest_at(t, p),
		.commit = t->commit,
		.value_size = (uint32_t)value_size,
		.key_size = (uint16_t)p->key.size,
		.db = (uint8_t)p->db,
		.deleted = deleted };
	memcpy(r + 1, p->key.data, p->key.size);
	if (!add_version(t, p, (uint32_t)t->end))
		return NULL;
	t->end += table_record_size(r);
	return (uint8_t *)(r + 1) + p->key.size;
}

static bool
is_sound(const struct table *t, const struct table_record *r)
{
	return r->db < DB_COUNT && r->commit == t->commit && r->key_size > 0 &&
	    r->key_size <= TABLE_KEY_MAX && r->zero == 0 &&
	    !(r->deleted && (r->quiet || r->value_size > 0)) &&
	    !(r->open && (r->deleted || r->older != 0 || r->db != DB_ENTRIES));
}

/* Some records of a commit, and the hashes of their keys. */
struct replayed {
	uint32_t at[REPLAYED_MAX];
	uint32_t hash[REPLAYED_MAX];
	size_t count;
};

static bool
index_record(struct table *t, uint32_t at, uint32_t hash)
{
	const struct table_record *r = table_record_at(t, at);
	struct table_place p = table_place_hashed(t, (enum table_db)r->db,
	    table_record_key(r), hash);

	return r->older == newest_at(t, &p) && add_version(t, &p, at);
}

static bool
index_records(struct table *t, struct replayed *some)
{
	size_t i;

	for (i = 0; i < some->count; i++)
		table_prefetch_key(t, some->hash[i]);
	for (i = 0; i < some->count; i++)
		if (!index_record(t, some->at[i], some->hash[i]))
			return false;
	some->count = 0;
	return true;
}

/* Where a chain begins is a cache miss for nearly every key: so those of some
 * records are fetched together, while the hashes of the next are computed. */
static bool
replay_record(struct table *t, const struct table_record *r, uint32_t at,
    struct replayed *some)
{
	uint32_t hash =
	    table_hash(t, (enum table_db)r->db, table_record_key(r));

	table_prefetch(t, hash);
	some->at[some->count] = at;
	some->hash[some->count++] = hash;
	return some->count < REPLAYED_MAX || index_records(t, some);
}

static bool
take_commit(struct table *t, const struct segment_commit *c, bool index)
{
	size_t start = (size_t)((const uint8_t *)c - t->image);
	size_t at = start + sizeof(*c), end = start + c->size;
	struct replayed some = { .count = 0 };
	const struct table_record *r;

	t->commit = (uint32_t)start;
	t->revision = c->revision;
	for (; at < end; at += table_record_size(r)) {
		r = table_record_at(t, at);
		if (end - at < sizeof(*r) || end - at < table_record_size(r) ||
		    !is_sound(t, r) ||
		    (index && !replay_record(t, r, (uint32_t)at, &some)))
			return false;
		t->records += !index;
	}
	t->end = end;
	if (at != end || !index_records(t, &some))
		return false;
	if (c->size > sizeof(*c))
		table_add_commit(t, c);
	return true;
}

bool
table_replay(struct table *t, const struct segment_commit *c)
{
	return take_commit(t, c, true);
}

bool
table_append(struct table *t, const struct segment_commit *c)
{
	return take_commit(t, c, false);
}

void
table_add_commit(struct table *t, const struct segment_commit *c)
{
	if (t->n_commits == 0)
		t->first_revision = c->revision;
	t->commits[t->n_commits++] = (uint32_t)((const uint8_t *)c - t->image);
}

const struct segment_commit *
table_commit(const struct table *t, uint64_t revision)
{
	uint64_t n = revision - t->first_revision;

	if (n >= t->n_commits)
		return NULL;
	return (const void *)(t->image + t->commits[n]);
}

struct table_mark
table_mark(const struct table *t)
{
	return (struct table_mark){ t->end, t->n_keys, t->records };
}

/* The last of all keys: so it is the first of its chain. */
static void
remove_last_key(struct table *t)
{
	const struct table_key *k = &t->keys[--t->n_keys];

	t->heads[k->hash & t->mask] = k->chain;
}

void
table_cut(struct table *t, struct table_mark mark)
{
	const struct table_record *r;
	struct table_place p;
	size_t at;

	cut_order(t, mark.n_keys);
	while (t->n_keys > mark.n_keys)
		remove_last_key(t);
	for (at = mark.end; at < t->end; at += table_record_size(r)) {
		r = table_record_at(t, at);
		/* Of the key's versions that go, the first knows what stays. */
		if (r->older == 0 || r->older >= mark.end)
			continue;
		p = table_place(t, (enum table_db)r->db, table_record_key(r));
		t->keys[p.number - 1].newest = r->older;
	}
	t->end = mark.end;
	t->records = mark.records;
}

/* Walks */

static bool
is_less(const struct table *t, struct table_rest a, struct table_rest b)
{
	return bytes_compare(table_record_key(ordered_at(t, a.at)),
		   table_record_key(ordered_at(t, b.at))) < 0;
}

/* What is at `i` may be greater than what is below it in the heap. */
static void
sift_down(struct table *t, uint32_t i)
{
	struct table_rest moved = t->walk[i];
	uint32_t child;

	while ((child = 2 * i + 1) < t->n_walk) {
		if (child + 1 < t->n_walk &&
		    is_less(t, t->walk[child + 1], t->walk[child]))
			child++;
		if (!is_less(t, t->walk[child], moved))
			break;
		t->walk[i] = t->walk[child];
		i = child;
	}
	t->walk[i] = moved;
}

static struct table_key *
walk_top(const struct table *t)
{
	return t->n_walk == 0 ? NULL : &t->keys[t->order[t->walk[0].at].number];
}

/* Each run has a rest that begins with the first key that is not less. */
static void
begin_walk(struct table *t, enum table_db db, struct bytes key)
{
	uint32_t from, end, at, i;

	t->n_walk = 0;
	for (from = 0; from < t->n_ordered; from = end) {
		end = run_end(t, from);
		at = search(t, from, end, db, key);
		if (at < end && ordered_at(t, at)->db == db)
			t->walk[t->n_walk++] = (struct table_rest){ at, end };
	}
	for (i = t->n_walk / 2; i-- > 0;)
		sift_down(t, i);
}

struct table_key *
table_seek(struct table *t, enum table_db db, struct bytes key)
{
	make_order(t);
	begin_walk(t, db, key);
	return walk_top(t);
}

const struct table_record *
table_walk_first(const struct table *t)
{
	return ordered_at(t, t->walk[0].at);
}

struct table_key *
table_after(struct table *t, struct table_key *k)
{
	const struct table_record *r = table_newest(t, k);
	struct table_rest *top = &t->walk[0];

	/* Somebody else has begun one, or there are more keys in order. */
	if (walk_top(t) != k)
		begin_walk(t, (enum table_db)r->db, table_record_key(r));
	top->at++;
	if (top->at == top->end || ordered_at(t, top->at)->db != r->db)
		*top = t->walk[--t->n_walk];
	if (t->n_walk > 0)
		sift_down(t, 0);
	return walk_top(t);
}
