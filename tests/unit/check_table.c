/*
 * check_table: what a segment holds, in memory (store/table), against a plain
 * array of all that was put.
 */

#include "unit.h"

#include <stdio.h>

#include "store/table.h"

#define CAPACITY ((size_t)1 << 20)
#define NAMES 40 /* keys of the model, in each database */
#define PUTS_MAX 4000

/* A record as it was put. */
struct put {
	enum table_db db;
	unsigned int name;
	uint64_t revision;
	uint32_t value;
	bool deleted;
};

static const uint64_t hash_key[2] = { 1, 2 };

static struct {
	struct table *table;
	uint64_t revision; /* of the commit under way */
	struct put puts[PUTS_MAX]; /* in their order */
	size_t n_puts;
	uint64_t random;
} f;

static void
setup(void)
{
	memset(&f, 0, sizeof(f));
	f.table = table_new(CAPACITY, hash_key);
	ck_assert_ptr_nonnull(f.table);
	f.revision = 1;
	table_begin(f.table, SEGMENT_BLOCK, f.revision);
}

static void
teardown(void)
{
	table_drop(f.table);
}

static void
end_commit(void)
{
	size_t start = (f.table->end + 7) / 8 * 8;

	f.revision++;
	table_begin(f.table, start, f.revision);
}

/* Names of several sizes; some begin with others, some have NULs. */
static struct bytes
name_of(unsigned int name, char buffer[32])
{
	size_t size = 2 + name % 3;

	memset(buffer, 'a' + (int)(name / 3 % 3), 32);
	buffer[0] = (char)(name / 9);
	buffer[size] = (char)(name % 2 ? 0 : 0xff);
	return (struct bytes){ buffer, size + 1 };
}

static uint8_t *
put_below(size_t limit, enum table_db db, struct bytes key, size_t value_size,
    bool deleted)
{
	const struct table_place place = table_place(f.table, db, key);

	return table_put(f.table, &place, value_size, deleted, limit);
}

static uint8_t *
put(enum table_db db, struct bytes key, size_t value_size, bool deleted)
{
	return put_below(CAPACITY, db, key, value_size, deleted);
}

static void
put_text(const char *key, const char *value)
{
	uint8_t *p =
	    put(DB_ENTRIES, bytes_from_text(key), strlen(value), false);

	ck_assert_ptr_nonnull(p);
	memcpy(p, value, strlen(value));
}

static void
assert_text(const char *key, uint64_t revision, const char *value)
{
	const struct table_record *r;

	r = table_find(f.table, DB_ENTRIES, bytes_from_text(key), revision);
	if (value == NULL) {
		ck_assert_ptr_null(r);
		return;
	}
	ck_assert_ptr_nonnull(r);
	unit_assert_bytes(table_record_value(r), bytes_from_text(value));
}

TEST(test_empty)
{
	int db;

	for (db = 0; db < DB_COUNT; db++) {
		ck_assert_ptr_null(table_seek(f.table, (enum table_db)db,
		    bytes_from_text("")));
		ck_assert_ptr_null(table_find(f.table, (enum table_db)db,
		    bytes_from_text("a"), UINT64_MAX));
	}
	ck_assert_uint_eq(f.table->records, 0);
	table_drop(NULL);
}

/* A view finds the newest version that is not above its own revision. */
TEST(test_versions)
{
	put_text("a", "one");
	end_commit();
	put_text("a", "two");
	put_text("a", "");
	end_commit();
	ck_assert_ptr_nonnull(put(DB_ENTRIES, bytes_from_text("a"), 0, true));
	assert_text("a", 0, NULL);
	assert_text("a", 1, "one");
	assert_text("a", 2, "");
	ck_assert(
	    table_find(f.table, DB_ENTRIES, bytes_from_text("a"), 3)->deleted);
	ck_assert_uint_eq(table_revision(f.table,
			      table_find(f.table, DB_ENTRIES,
				  bytes_from_text("a"), UINT64_MAX)),
	    3);
	/* Other databases have keys of their own. */
	ck_assert_ptr_null(
	    table_find(f.table, DB_BUCKETS, bytes_from_text("a"), UINT64_MAX));
	ck_assert_uint_eq(f.table->n_keys, 1);
	ck_assert_uint_eq(f.table->records, 4);
}

TEST(test_held)
{
	ck_assert_ptr_eq(table_hold(f.table), f.table);
	table_drop(f.table);
	put_text("a", "one");
	assert_text("a", 1, "one");
}

TEST(test_reset)
{
	put_text("a", "one");
	table_reset(f.table, 9);
	ck_assert_uint_eq(f.table->generation, 9);
	ck_assert_uint_eq(f.table->end, SEGMENT_BLOCK);
	assert_text("a", UINT64_MAX, NULL);
	ck_assert_ptr_null(
	    table_seek(f.table, DB_ENTRIES, bytes_from_text("")));
}

/* The last byte of the room can be had, and no more. */
TEST(test_limit)
{
	struct bytes key = bytes_from_text("key");
	size_t header = sizeof(struct table_record) + 3 + 7, end;

	end = f.table->end;
	ck_assert_ptr_null(
	    put_below(end + header + 99, DB_ENTRIES, key, 100, false));
	ck_assert_ptr_null(
	    put_below(CAPACITY, DB_ENTRIES, key, SIZE_MAX / 2, false));
	ck_assert_uint_eq(f.table->end, end);
	ck_assert_uint_eq(f.table->n_keys, 0);
	ck_assert_ptr_nonnull(
	    put_below(end + header + 100, DB_ENTRIES, key, 100, false));
	ck_assert_uint_le(f.table->end, end + header + 100);
}

TEST(test_longest_key)
{
	uint8_t data[TABLE_KEY_MAX];
	struct bytes key = { data, sizeof(data) };
	struct table_key *k;

	memset(data, 0xff, sizeof(data));
	ck_assert_ptr_nonnull(put(DB_EXPIRIES, key, 0, false));
	ck_assert_ptr_nonnull(table_find(f.table, DB_EXPIRIES, key, 1));
	k = table_seek(f.table, DB_EXPIRIES, key);
	ck_assert_ptr_nonnull(k);
	unit_assert_bytes(table_record_key(table_newest(f.table, k)), key);
}

/* The model */

static bool
same_key(const struct put *p, enum table_db db, unsigned int name)
{
	return p->db == db && p->name == name;
}

/* The newest put of the key that a view of this revision sees. */
static const struct put *
model_find(enum table_db db, unsigned int name, uint64_t revision)
{
	size_t i;

	for (i = f.n_puts; i-- > 0;)
		if (same_key(&f.puts[i], db, name) &&
		    f.puts[i].revision <= revision)
			return &f.puts[i];
	return NULL;
}

/* The first key that is not less, or behind `from`; NAMES: there is none. */
static unsigned int
model_seek(enum table_db db, struct bytes from, bool behind)
{
	char buffer[32], best_buffer[32];
	unsigned int name, best = NAMES;
	struct bytes key;
	int order;

	for (name = 0; name < NAMES; name++) {
		key = name_of(name, buffer);
		order = bytes_compare(key, from);
		if (order < 0 || (behind && order == 0) ||
		    model_find(db, name, UINT64_MAX) == NULL)
			continue;
		if (best == NAMES ||
		    bytes_compare(key, name_of(best, best_buffer)) < 0)
			best = name;
	}
	return best;
}

static unsigned int
random_below(unsigned int n)
{
	return unit_random(&f.random) % n;
}

static void
put_random(void)
{
	struct put *p = &f.puts[f.n_puts++];
	char buffer[32];
	uint8_t *value;

	*p = (struct put){ .db = (enum table_db)random_below(DB_COUNT),
		.name = random_below(NAMES),
		.revision = f.revision,
		.value = unit_random(&f.random),
		.deleted = random_below(4) == 0 };
	value = put(p->db, name_of(p->name, buffer),
	    p->deleted ? 0 : sizeof(p->value), p->deleted);
	ck_assert_ptr_nonnull(value);
	if (!p->deleted)
		memcpy(value, &p->value, sizeof(p->value));
}

static void
assert_put(const struct table_record *r, const struct put *p)
{
	if (p == NULL) {
		ck_assert_ptr_null(r);
		return;
	}
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(table_revision(f.table, r), p->revision);
	ck_assert_int_eq(r->deleted, p->deleted);
	if (!p->deleted)
		unit_assert_bytes(table_record_value(r),
		    ((struct bytes){ &p->value, sizeof(p->value) }));
}

static void
find_random(void)
{
	enum table_db db = (enum table_db)random_below(DB_COUNT);
	unsigned int name = random_below(NAMES);
	uint64_t revision = random_below((unsigned int)f.revision + 2);
	char buffer[32];

	assert_put(table_find(f.table, db, name_of(name, buffer), revision),
	    model_find(db, name, revision));
}

static void
assert_key(const struct table_key *k, unsigned int name, enum table_db db)
{
	char buffer[32];

	if (name == NAMES) {
		ck_assert_ptr_null(k);
		return;
	}
	ck_assert_ptr_nonnull(k);
	unit_assert_bytes(table_record_key(table_newest(f.table, k)),
	    name_of(name, buffer));
	assert_put(table_version(f.table, k, UINT64_MAX),
	    model_find(db, name, UINT64_MAX));
}

/* From a key, which may not be there, and on. */
static void
seek_random(void)
{
	enum table_db db = (enum table_db)random_below(DB_COUNT);
	unsigned int name, steps = random_below(2 * NAMES);
	char buffer[32];
	struct bytes from = name_of(random_below(NAMES), buffer);
	struct table_key *k;

	if (random_below(3) == 0)
		from.size = 0;
	k = table_seek(f.table, db, from);
	name = model_seek(db, from, false);
	for (;; steps--) {
		assert_key(k, name, db);
		if (k == NULL || steps == 0)
			return;
		k = table_after(f.table, k);
		name = model_seek(db, name_of(name, buffer), true);
	}
}

/* Puts some, with reads between them, and takes them back. */
static void
cut_random(void)
{
	struct table_mark mark = table_mark(f.table);
	size_t n_puts = f.n_puts, left = random_below(30);

	for (; left > 0 && f.n_puts < PUTS_MAX; left--) {
		put_random();
		if (random_below(8) == 0)
			seek_random();
	}
	table_cut(f.table, mark);
	f.n_puts = n_puts;
	ck_assert_uint_eq(f.table->records, n_puts);
}

static void
check_all(void)
{
	char buffer[32];
	unsigned int name;
	uint64_t revision;
	int db;

	for (db = 0; db < DB_COUNT; db++)
		for (name = 0; name < NAMES; name++)
			for (revision = 0; revision <= f.revision;
			     revision += 1 + f.revision / 16)
				assert_put(table_find(f.table,
					       (enum table_db)db,
					       name_of(name, buffer), revision),
				    model_find((enum table_db)db, name,
					revision));
}

TEST(test_model)
{
	f.random = 1 + (uint64_t)_i;
	while (f.n_puts < PUTS_MAX / 4)
		switch (random_below(8)) {
		case 0:
			end_commit();
			break;
		case 1:
			cut_random();
			break;
		case 2:
			seek_random();
			break;
		case 3:
			find_random();
			break;
		default:
			put_random();
		}
	check_all();
}

/* The order of more keys than one run has */

#define KEYS 20000
#define PREFIX_MAX 100

/* How keys come: each has a prefix, a number and up to two NULs. */
struct pattern {
	uint32_t first, step; /* of the numbers; an odd step repeats none */
	size_t prefix_size;
};

static const struct pattern pattern_table[] = {
	{ 0, 1, 0 }, /* ascending */
	{ UINT32_MAX, UINT32_MAX, 0 }, /* descending */
	{ 7, 2654435769U, 0 }, /* as at random */
	{ 7, 2654435769U, 5 },
	{ 7, 2654435769U, 12 },
	{ 7, 2654435769U, PREFIX_MAX },
};

static struct bytes
pattern_key(const struct pattern *p, uint32_t number,
    uint8_t buffer[PREFIX_MAX + 6])
{
	size_t size = p->prefix_size;
	int shift;

	memset(buffer, 'p', size);
	for (shift = 24; shift >= 0; shift -= 8)
		buffer[size++] = (uint8_t)(number >> shift);
	memset(buffer + size, 0, 2);
	return (struct bytes){ buffer, size + number % 3 };
}

/* Numbers are put into two databases in turn. */
static enum table_db
pattern_db(uint32_t i)
{
	return i % 2 == 0 ? DB_ENTRIES : DB_OUTCOMES;
}

static void
put_pattern(const struct pattern *p, uint32_t from, uint32_t to)
{
	uint8_t buffer[PREFIX_MAX + 6];
	struct bytes key;

	for (; from < to; from++) {
		key = pattern_key(p, p->first + from * p->step, buffer);
		ck_assert_ptr_nonnull(put_below(f.table->capacity,
		    pattern_db(from), key, 0, false));
	}
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The numbers below `n` that are in this database, in their order. */
static size_t
sort_pattern(const struct pattern *p, enum table_db db, uint32_t n,
    uint32_t *sorted)
{
	size_t size = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		if (pattern_db(i) == db)
			sorted[size++] = p->first + i * p->step;
	qsort(sorted, size, sizeof(sorted[0]), compare_numbers);
	return size;
}

/* Walks over up to `max` keys, beginning with one of them. */
static void
assert_walk(const struct pattern *p, enum table_db db, uint32_t n, uint32_t max)
{
	static uint32_t sorted[KEYS];
	size_t size = sort_pattern(p, db, n, sorted), at;
	uint8_t buffer[PREFIX_MAX + 6];
	struct table_key *k;

	at = max < n ? random_below((unsigned int)size) : 0;
	k = table_seek(f.table, db, pattern_key(p, sorted[at], buffer));
	for (; at < size && max > 0; at++, max--) {
		ck_assert_ptr_nonnull(k);
		unit_assert_bytes(table_record_key(table_newest(f.table, k)),
		    pattern_key(p, sorted[at], buffer));
		k = table_after(f.table, k);
	}
	if (at == size)
		ck_assert_ptr_null(k);
}

/* Keys come in batches; some are walked over, some batches are taken back. */
TEST(test_runs)
{
	const struct pattern *p = &pattern_table[_i];
	struct table_mark mark;
	uint32_t n, next;

	table_drop(f.table);
	f.table = table_new(8 * CAPACITY, hash_key);
	ck_assert_ptr_nonnull(f.table);
	table_begin(f.table, SEGMENT_BLOCK, f.revision);
	f.random = 1;
	for (n = 0; n < KEYS; n = next) {
		mark = table_mark(f.table);
		next = n + 1 + random_below(random_below(4) == 0 ? 12000 : 50);
		next = next < KEYS ? next : KEYS;
		put_pattern(p, n, next);
		if (next > 1 && random_below(4) == 0)
			assert_walk(p, DB_OUTCOMES, next, 100);
		if (random_below(3) == 0) {
			table_cut(f.table, mark);
			next = n;
		}
	}
	assert_walk(p, DB_ENTRIES, n, n);
	assert_walk(p, DB_OUTCOMES, n, n);
}

/* Two who walk in turn, and one who goes on after more has been put. */
TEST(test_walks_in_turn)
{
	struct bytes a = bytes_from_text("a"), c = bytes_from_text("c");
	struct table_key *first, *second;

	put_text("a", "");
	put_text("c", "");
	put_text("e", "");
	first = table_seek(f.table, DB_ENTRIES, a);
	second = table_seek(f.table, DB_ENTRIES, c);
	first = table_after(f.table, first);
	ck_assert_ptr_eq(first, second);
	put_text("d", "");
	ck_assert_ptr_null(
	    table_seek(f.table, DB_OUTCOMES, bytes_from_text("")));
	second = table_after(f.table, second);
	unit_assert_bytes(table_record_key(table_newest(f.table, second)),
	    bytes_from_text("d"));
}

/* Commits that are read */

/* What has been put as one commit, which is then read into another table. */
static bool
replay_after(void (*change)(struct segment_commit *, struct table_record *))
{
	struct segment_commit *c = (void *)(f.table->image + SEGMENT_BLOCK);
	struct table *again = table_new(CAPACITY, hash_key);
	bool sound;

	ck_assert_ptr_nonnull(again);
	c->size = (uint32_t)(f.table->end - SEGMENT_BLOCK);
	if (change != NULL)
		change(c, (struct table_record *)(c + 1));
	memcpy(again->image, f.table->image, CAPACITY);
	sound =
	    table_replay(again, (const void *)(again->image + SEGMENT_BLOCK));
	if (sound)
		ck_assert_mem_eq(again->image, f.table->image, CAPACITY);
	table_drop(f.table);
	f.table = again;
	return sound;
}

TEST(test_replay)
{
	put_text("a", "one");
	put_text("b", "");
	put_text("a", "two");
	ck_assert_ptr_nonnull(put(DB_ENTRIES, bytes_from_text("c"), 0, true));
	ck_assert(replay_after(NULL));
	ck_assert_uint_eq(f.table->records, 4);
	ck_assert_uint_eq(f.table->n_keys, 3);
	assert_text("a", 1, "two");
	assert_text("b", 1, "");
	ck_assert(
	    table_find(f.table, DB_ENTRIES, bytes_from_text("c"), 1)->deleted);
}

/* A key has one hash, whichever table it is in, and however often that was
 * emptied. */
TEST(test_hash)
{
	const struct bytes key = bytes_from_text("a");
	struct table_place place;

	put_text("a", "one");
	place = table_place(f.table, DB_ENTRIES, key);
	ck_assert(replay_after(NULL));
	place = table_place_hashed(f.table, DB_ENTRIES, key, place.hash);
	ck_assert_ptr_eq(table_get(f.table, &place, 1),
	    table_find(f.table, DB_ENTRIES, key, 1));
	ck_assert_ptr_nonnull(table_get(f.table, &place, 1));
}

TEST(test_replay_nothing)
{
	ck_assert(replay_after(NULL));
	ck_assert_uint_eq(f.table->records, 0);
}

/* Each changes the first record of two, "aaaaaaaa" with a value of 8. */
static void
database(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->db = DB_COUNT;
}

static void
other_commit(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->commit += 8;
}

static void
no_key(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->value_size += r->key_size;
	r->key_size = 0;
}

static void
long_value(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->value_size = UINT32_MAX;
}

static void
long_key(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->key_size = UINT16_MAX;
}

static void
value_too_long(struct segment_commit *c, struct table_record *r)
{
	r->value_size = c->size - sizeof(*c) - sizeof(*r) - r->key_size + 1;
}

static void
flag(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->zero = 1;
}

static void
deleted_value(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->deleted = 1;
}

static void
quiet_delete(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->key_size += r->value_size;
	r->value_size = 0;
	r->deleted = r->quiet = 1;
}

static void
no_older(struct segment_commit *c, struct table_record *r)
{
	(void)c;
	r->older = (uint32_t)SEGMENT_BLOCK;
}

static void
cut_header(struct segment_commit *c, struct table_record *r)
{
	(void)r;
	c->size = sizeof(*c) + sizeof(*r) - 1;
}

static void
cut_second(struct segment_commit *c, struct table_record *r)
{
	(void)r;
	c->size -= 8;
}

static const struct {
	void (*change)(struct segment_commit *, struct table_record *);
} malformed_table[] = {
	{ database },
	{ other_commit },
	{ no_key },
	{ long_value },
	{ long_key },
	{ value_too_long },
	{ flag },
	{ deleted_value },
	{ quiet_delete },
	{ no_older },
	{ cut_header },
	{ cut_second },
};

TEST(test_malformed)
{
	put_text("aaaaaaaa", "value567");
	put_text("bbbbbbbb", "value567");
	ck_assert(!replay_after(malformed_table[_i].change));
}

static const struct test tests[] = {
	CASE("records", setup, teardown),
	ONCE(test_empty),
	ONCE(test_versions),
	ONCE(test_held),
	ONCE(test_reset),
	ONCE(test_limit),
	ONCE(test_longest_key),
	CASE("model", setup, teardown),
	LOOP(test_model, 40),
	CASE("order", setup, teardown),
	EACH(test_runs, pattern_table),
	ONCE(test_walks_in_turn),
	CASE("replay", setup, teardown),
	ONCE(test_replay),
	ONCE(test_hash),
	ONCE(test_replay_nothing),
	EACH(test_malformed, malformed_table),
};

SUITE("table", tests)
