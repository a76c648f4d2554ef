/*
 * table: what a segment of the log holds.  Runs in the registry.
 *
 * A key is found by a hash.  The order is made only when somebody asks for
 * it: most keys are folded and forgotten before.
 */

#include <sys/mman.h>
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include "store/siphash.h"
#include "store/table.h"

/* Bytes of the image for each chain: the smallest entries take as much. */
#define CHAIN_BYTES 64

static int
compare(struct table_key *a, struct table_key *b)
{
	return bytes_compare(table_record_key(a->newest),
	    table_record_key(b->newest));
}

RB_GENERATE_INTERNAL(table_order, table_key, entry, compare,
    __attribute__((unused)) static)

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
commits_size(const struct table *t)
{
	return (size_t)t->commits_max * sizeof(t->commits[0]);
}

static void
forget(struct table *t)
{
	int db;

	for (db = 0; db < DB_COUNT; db++) {
		RB_INIT(&t->order[db]);
		t->unordered[db] = 0;
	}
	t->n_keys = 0;
	t->n_commits = 0;
	t->records = 0;
	t->end = SEGMENT_BLOCK;
}

struct table *
table_new(size_t capacity)
{
	struct table *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->holders = 1;
	t->capacity = capacity;
	t->keys_max = (uint32_t)(capacity / sizeof(struct table_record));
	t->commits_max = (uint32_t)(capacity / sizeof(struct segment_commit));
	while (t->mask < capacity / CHAIN_BYTES - 1)
		t->mask = t->mask * 2 + 1;
	t->image = reserve(capacity);
	t->keys = reserve(keys_size(t));
	t->heads = reserve(heads_size(t));
	t->commits = reserve(commits_size(t));
	forget(t);
	if (t->image == NULL || t->keys == NULL || t->heads == NULL ||
	    t->commits == NULL ||
	    getrandom(t->hash_key, sizeof(t->hash_key), 0) !=
		sizeof(t->hash_key)) {
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

void
table_drop(struct table *t)
{
	if (t == NULL || --t->holders > 0)
		return;
	if (t->image != NULL)
		(void)munmap(t->image, t->capacity);
	if (t->keys != NULL)
		(void)munmap(t->keys, keys_size(t));
	if (t->heads != NULL)
		(void)munmap(t->heads, heads_size(t));
	if (t->commits != NULL)
		(void)munmap(t->commits, commits_size(t));
	free(t);
}

void
table_reset(struct table *t, uint64_t generation)
{
	memset(t->heads, 0, heads_size(t));
	forget(t);
	t->generation = generation;
}

static uint32_t
hash(const struct table *t, enum table_db db, struct bytes key)
{
	return (uint32_t)siphash(t->hash_key, key.data, key.size) +
	    (uint32_t)db;
}

/* NULL: there is no such key. */
static struct table_key *
find_key(const struct table *t, enum table_db db, struct bytes key,
    uint32_t sum)
{
	uint32_t n = t->heads[sum & t->mask];
	struct table_key *k;

	for (; n != 0; n = k->chain) {
		k = &t->keys[n - 1];
		if (k->hash == sum && k->newest->db == db &&
		    bytes_equal(table_record_key(k->newest), key))
			return k;
	}
	return NULL;
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
	const struct table_record *r = k->newest;

	while (table_revision(t, r) > revision) {
		if (r->older == 0)
			return NULL;
		r = table_record_at(t, r->older);
	}
	return r;
}

const struct table_record *
table_find(const struct table *t, enum table_db db, struct bytes key,
    uint64_t revision)
{
	const struct table_key *k = find_key(t, db, key, hash(t, db, key));

	return k == NULL ? NULL : table_version(t, k, revision);
}

static uint32_t
number_of(const struct table *t, const struct table_key *k)
{
	return (uint32_t)(k - t->keys) + 1;
}

static void
add_key(struct table *t, const struct table_record *r, uint32_t sum)
{
	struct table_key *k = &t->keys[t->n_keys++];
	uint32_t *head = &t->heads[sum & t->mask];

	*k = (struct table_key){ .newest = r,
		.chain = *head,
		.next = t->unordered[r->db],
		.hash = sum };
	*head = t->unordered[r->db] = number_of(t, k);
}

/* Makes the record the newest version of its key.  False: too many keys. */
static bool
add_version(struct table *t, struct table_record *r)
{
	struct bytes key = table_record_key(r);
	uint32_t sum = hash(t, r->db, key);
	struct table_key *k = find_key(t, r->db, key, sum);

	if (k == NULL && t->n_keys == t->keys_max)
		return false;
	if (k == NULL)
		add_key(t, r, sum);
	else
		k->newest = r;
	t->records++;
	return true;
}

/* Where the newest version of the key is; 0: there is none. */
static uint32_t
newest_at(const struct table *t, enum table_db db, struct bytes key)
{
	const struct table_key *k = find_key(t, db, key, hash(t, db, key));

	return k == NULL ? 0 :
			   (uint32_t)((const uint8_t *)k->newest - t->image);
}

void
table_begin(struct table *t, size_t start, uint64_t revision)
{
	struct segment_commit *c = (void *)(t->image + start);

	c->revision = revision;
	t->commit = (uint32_t)start;
	t->end = start + sizeof(*c);
}

uint8_t *
table_put(struct table *t, enum table_db db, struct bytes key,
    size_t value_size, bool deleted, size_t limit)
{
	struct table_record *r = (void *)(t->image + t->end);
	size_t size = sizeof(*r) + key.size + value_size + 7;

	if (size > limit || t->end > limit - size)
		return NULL;
	*r = (struct table_record){ .older = newest_at(t, db, key),
		.commit = t->commit,
		.value_size = (uint32_t)value_size,
		.key_size = (uint16_t)key.size,
		.db = (uint8_t)db,
		.deleted = deleted };
	memcpy(r + 1, key.data, key.size);
	if (!add_version(t, r))
		return NULL;
	t->end += table_record_size(r);
	return (uint8_t *)(r + 1) + key.size;
}

bool
table_replay(struct table *t, const struct segment_commit *c)
{
	size_t start = (size_t)((const uint8_t *)c - t->image);
	size_t at = start + sizeof(*c), end = start + c->size;
	struct table_record *r;

	for (; at < end; at += table_record_size(r)) {
		r = (void *)(t->image + at);
		if (end - at < sizeof(*r) || end - at < table_record_size(r) ||
		    r->db >= DB_COUNT || r->commit != start ||
		    r->key_size == 0 || r->key_size > TABLE_KEY_MAX ||
		    r->zero != 0 || (r->deleted && r->value_size > 0) ||
		    (r->deleted && r->quiet) ||
		    r->older != newest_at(t, r->db, table_record_key(r)) ||
		    !add_version(t, r))
			return false;
	}
	t->end = end;
	if (at != end)
		return false;
	if (c->size > sizeof(*c))
		table_add_commit(t, c);
	return true;
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

/* The last of all keys: so it is the first of the lists that it is on. */
static void
remove_last_key(struct table *t)
{
	struct table_key *k = &t->keys[--t->n_keys];

	t->heads[k->hash & t->mask] = k->chain;
	if (k->ordered)
		RB_REMOVE(table_order, &t->order[k->newest->db], k);
	else
		t->unordered[k->newest->db] = k->next;
}

void
table_cut(struct table *t, struct table_mark mark)
{
	struct table_record *r;
	struct table_key *k;
	struct bytes key;
	size_t at;

	while (t->n_keys > mark.n_keys)
		remove_last_key(t);
	for (at = mark.end; at < t->end; at += table_record_size(r)) {
		r = (void *)(t->image + at);
		/* Of the key's versions that go, the first knows what stays. */
		if (r->older == 0 || r->older >= mark.end)
			continue;
		key = table_record_key(r);
		k = find_key(t, r->db, key, hash(t, r->db, key));
		k->newest = table_record_at(t, r->older);
	}
	t->end = mark.end;
	t->records = mark.records;
}

static void
make_order(struct table *t, enum table_db db)
{
	struct table_key *k;

	while (t->unordered[db] != 0) {
		k = &t->keys[t->unordered[db] - 1];
		t->unordered[db] = k->next;
		RB_INSERT(table_order, &t->order[db], k);
		k->ordered = true;
	}
}

struct table_key *
table_seek(struct table *t, enum table_db db, struct bytes key)
{
	struct {
		struct table_record record;
		uint8_t key[TABLE_KEY_MAX];
	} wanted = { .record = { .key_size = (uint16_t)key.size } };
	struct table_key from = { .newest = &wanted.record };

	make_order(t, db);
	if (key.size == 0)
		return RB_MIN(table_order, &t->order[db]);
	memcpy(&wanted.record + 1, key.data, key.size);
	return RB_NFIND(table_order, &t->order[db], &from);
}

struct table_key *
table_after(struct table *t, struct table_key *k)
{
	(void)t;
	return RB_NEXT(table_order, &t->order[k->newest->db], k);
}
