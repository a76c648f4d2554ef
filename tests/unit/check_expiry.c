/*
 * check_expiry: these tests check entries that expire, with a clock that the
 * tests set, and buckets that are dropped.
 */

#include "unit.h"

#include <stdio.h>

#include "store_fixture.h"

/* This is what store_expire() reported, as "bucket/key ". */
static char told[1 << 16];

static void
tell(void *arg, struct bytes bucket, struct bytes key)
{
	size_t size = strlen(told);

	ck_assert_ptr_eq(arg, told);
	snprintf(told + size, sizeof(told) - size, "%.*s/%.*s ",
	    (int)bucket.size, (const char *)bucket.data, (int)key.size,
	    (const char *)key.data);
}

static bool
expire(size_t max, const char *want)
{
	bool more;

	told[0] = '\0';
	assert_ok(store_expire(batch(), max, tell, told, &more));
	ck_assert_str_eq(told, want);
	return more;
}

static void
put(const char *bucket, const char *key, int64_t expiry_ms)
{
	assert_ok(
	    store_put(batch(), text(bucket), text(key), text(key), expiry_ms));
}

static void
assert_count(struct store_view *v, const char *bucket, uint64_t want)
{
	uint64_t count = 0;

	assert_ok(store_count(v, text(bucket), &count));
	ck_assert_uint_eq(count, want);
}

static void
assert_next(struct store_view *v, int64_t want)
{
	int64_t when = -1;

	if (want == 0) {
		ck_assert_int_eq(store_next_expiry(v, &when), STORE_ABSENT);
		return;
	}
	assert_ok(store_next_expiry(v, &when));
	ck_assert_int_eq(when, want);
}

static void
assert_expiry(struct store_view *v, const char *key, int64_t want)
{
	struct store_entry e;

	assert_ok(store_get(v, text("b"), text(key), &e));
	ck_assert_int_eq(e.expiry_ms, want);
	unit_assert_bytes(e.key, text(key));
	unit_assert_bytes(e.value, text(key));
}

static struct store_stats
stats(void)
{
	struct store_stats st;

	assert_ok(store_stats(batch(), &st));
	return st;
}

TEST(test_none)
{
	open_with_bucket();
	store_set_now(fx.store, INT64_MAX);
	assert_next(snapshot(), 0);
	assert_next(batch(), 0);
	ck_assert(!expire(100, ""));
	ck_assert(!expire(0, ""));
	put("b", "k", 0);
	assert_count(batch(), "b", 1);
	assert_count(snapshot(), "b", 0);
	assert_next(batch(), 0);
	assert_expiry(batch(), "k", 0);
	ck_assert_int_eq(store_count(batch(), text("c"), &(uint64_t){ 0 }),
	    STORE_NO_BUCKET);
}

/* An entry expires at the exact millisecond for every kind of read. */
TEST(test_due)
{
	open_with_bucket();
	store_set_now(fx.store, 1000);
	put("b", "k", 2000);
	put("b", "l", 2001);
	put("b", "m", 0);
	commit();
	store_set_now(fx.store, 1999);
	assert_expiry(snapshot(), "k", 2000);
	assert_count(snapshot(), "b", 3);
	store_set_now(fx.store, 2000);
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	assert_get(batch(), "b", "k", STORE_ABSENT);
	assert_expiry(snapshot(), "l", 2001);
	assert_count(snapshot(), "b", 2);
	assert_count(batch(), "b", 2);
	ck_assert_int_eq(store_set_expiry(batch(), text("b"), text("k"), 9),
	    STORE_ABSENT);
	store_set_now(fx.store, 2001);
	assert_get(snapshot(), "b", "l", STORE_ABSENT);
	assert_count(snapshot(), "b", 1);
	store_set_now(fx.store, INT64_MAX);
	assert_expiry(snapshot(), "m", 0);
	assert_next(snapshot(), 2000);
	ck_assert(!expire(9, "b/k b/l "));
	assert_next(snapshot(), 2000);
	assert_count(snapshot(), "b", 1);
	assert_count(batch(), "b", 1);
	commit();
	assert_next(snapshot(), 0);
	assert_count(snapshot(), "b", 1);
}

/* When the wall clock is set back, expired entries that were not removed are
 * visible again. */
TEST(test_clock_goes_back)
{
	open_with_bucket();
	put("b", "k", 2000);
	put("b", "l", 2000);
	put("b", "m", 2001);
	commit();
	store_set_now(fx.store, 2001);
	assert_count(snapshot(), "b", 0);
	ck_assert(expire(1, "b/k "));
	commit();
	store_set_now(fx.store, 1500);
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	assert_expiry(snapshot(), "l", 2000);
	assert_count(snapshot(), "b", 2);
	ck_assert(!expire(9, ""));
	store_set_now(fx.store, -1);
	assert_count(snapshot(), "b", 2);
	store_set_now(fx.store, 2000);
	ck_assert(!expire(9, "b/l "));
	store_set_now(fx.store, 2001);
	ck_assert(!expire(9, "b/m "));
	assert_count(batch(), "b", 0);
}

TEST(test_put_changes_expiry)
{
	static const int64_t steps[] = { 0, 50, 50, 70, 60, 0, 0, INT64_MAX, 1,
		0 };
	size_t i;
	int commits;

	for (commits = 0; commits < 2; commits++) {
		open_store();
		assert_ok(store_create(batch(), text("b")));
		for (i = 0; i < COUNT(steps); i++) {
			put("b", "k", steps[i]);
			assert_next(batch(), steps[i]);
			assert_expiry(batch(), "k", steps[i]);
			assert_count(batch(), "b", 1);
			ck_assert_uint_eq(stats().expiring, steps[i] != 0);
			if (commits)
				commit();
		}
		close_store();
	}
}

/* A new expiry changes neither the value nor the neighbours, in the same batch
 * or in another. */
TEST(test_set_expiry)
{
	size_t size = _i == 0 ? 3 : _i == 1 ? 0 : 100000, i;
	uint8_t *p = make_value(size);
	struct bytes b = text("b"), k = text("k"), value = { p, size };
	static const int64_t steps[] = { 50, 70, 70, 0, 0, 60, 0 };

	open_with_bucket();
	put("b", "j", 7);
	assert_ok(store_put(batch(), b, k, value, 0));
	put("b", "l", 0);
	for (i = 0; i < 2 * COUNT(steps); i++) {
		assert_ok(store_set_expiry(batch(), b, k, steps[i / 2]));
		assert_value(batch(), b, k, value);
		ck_assert_uint_eq(stats().expiring, 1 + (steps[i / 2] != 0));
		if (i % 2)
			commit();
		assert_value(batch(), b, k, value);
	}
	assert_expiry(batch(), "j", 7);
	assert_expiry(batch(), "l", 0);
	ck_assert_int_eq(store_set_expiry(batch(), b, text("none"), 5),
	    STORE_ABSENT);
	ck_assert_int_eq(store_set_expiry(batch(), text("none"), k, 5),
	    STORE_NO_BUCKET);
	free(p);
}

TEST(test_delete_removes_row)
{
	open_with_bucket();
	put("b", "k", 100);
	put("b", "l", 100);
	commit();
	assert_ok(store_delete(batch(), text("b"), text("k")));
	assert_ok(store_delete(batch(), text("b"), text("l")));
	ck_assert_int_eq(store_delete(batch(), text("b"), text("l")),
	    STORE_ABSENT);
	assert_next(batch(), 0);
	/* An expired entry is deleted for good, and reported once. */
	put("b", "k", 100);
	commit();
	store_set_now(fx.store, 100);
	assert_ok(store_delete(batch(), text("b"), text("k")));
	ck_assert(!expire(9, ""));
	commit();
	store_set_now(fx.store, 0);
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	assert_count(snapshot(), "b", 0);
}

/* A new entry replaces one that has expired but is not removed yet. */
TEST(test_put_over_due)
{
	open_with_bucket();
	put("b", "k", 100);
	put("b", "l", 100);
	commit();
	store_set_now(fx.store, 200);
	assert_count(batch(), "b", 0);
	put("b", "k", 0);
	put("b", "l", 300);
	assert_count(batch(), "b", 2);
	ck_assert(!expire(9, ""));
	assert_count(batch(), "b", 2);
	assert_next(batch(), 300);
	assert_expiry(batch(), "k", 0);
	/* The expiry of the new entry has passed already. */
	put("b", "k", 150);
	assert_get(batch(), "b", "k", STORE_ABSENT);
	assert_count(batch(), "b", 1);
	ck_assert(!expire(9, "b/k "));
}

/* Entries expire in the order of time, across buckets, and no more than the
 * caller asked for. */
TEST(test_expire_in_order)
{
	open_with_bucket();
	assert_ok(store_create(batch(), text("a")));
	put("b", "x", 300);
	put("b", "y", 100);
	put("a", "z", 200);
	put("a", "y", 100);
	put("a", "w", 257);
	put("b", "later", 301);
	put("b", "never", 0);
	commit();
	store_set_now(fx.store, 300);
	ck_assert(expire(0, ""));
	ck_assert(expire(1, "b/y "));
	ck_assert(expire(2, "a/y a/z "));
	commit();
	close_store();
	open_store();
	store_set_now(fx.store, 300);
	ck_assert(!expire(2, "a/w b/x "));
	ck_assert(!expire(2, ""));
	assert_count(batch(), "a", 0);
	assert_count(batch(), "b", 2);
	assert_next(batch(), 301);
	store_abort(fx.store);
	ck_assert(!expire(9, "a/w b/x "));
	commit();
	assert_count(snapshot(), "a", 0);
	assert_next(snapshot(), 301);
}

/* The entries fill several pages, with names of every size; some entries in a
 * row are in the same bucket. */
TEST(test_expire_many)
{
	char bucket[256], key[256];
	uint64_t state = 7;
	struct bytes b = { bucket, 0 }, k = { key, 0 };
	unsigned int i, n = 3000;
	bool more = true;
	size_t rounds = 0;

	open_store();
	assert_ok(store_grow(fx.store));
	for (i = 0; i < n; i++) {
		memset(bucket, 'a' + (int)(i % 7), sizeof(bucket));
		memset(key, 'k', sizeof(key));
		b.size = 1 + i % 7 * 42;
		k.size = 10 + i % 246;
		snprintf(key, sizeof(key), "%08u", i);
		key[8] = 'k';
		assert_ok(store_create(batch(), b));
		assert_ok(store_put(batch(), b, k, text("v"),
		    1 + unit_random(&state) % 1000));
	}
	commit();
	store_set_now(fx.store, 500);
	ck_assert_uint_eq(stats().keys, n);
	for (; more; rounds++) {
		told[0] = '\0';
		assert_ok(store_expire(batch(), 100, tell, told, &more));
		commit();
	}
	ck_assert_uint_gt(rounds, 5);
	ck_assert_uint_lt(rounds, 25);
	ck_assert_uint_eq(stats().keys, stats().expiring);
	store_set_now(fx.store, 1000);
	for (more = true; more;) {
		told[0] = '\0';
		assert_ok(store_expire(batch(), 1000, tell, told, &more));
	}
	ck_assert_uint_eq(stats().keys, 0);
	ck_assert_uint_eq(stats().expiring, 0);
	commit();
}

TEST(test_longest_names)
{
	char longest[255];
	struct bytes n = { longest, sizeof(longest) };
	struct store_entry e;
	bool more;

	memset(longest, 0xff, sizeof(longest));
	open_store();
	assert_ok(store_create(batch(), n));
	assert_ok(store_put(batch(), n, n, n, 5));
	commit();
	assert_ok(store_get(snapshot(), n, n, &e));
	store_set_now(fx.store, 5);
	told[0] = '\0';
	assert_ok(store_expire(batch(), 1, tell, told, &more));
	ck_assert_uint_eq(strlen(told), 512);
	commit();
	ck_assert_int_eq(store_get(snapshot(), n, n, &e), STORE_ABSENT);
}

static void
purge_all(void)
{
	bool more = true;

	assert_ok(store_checkpoint(fx.store));
	while (more)
		assert_ok(store_purge(fx.store, 100, &more));
}

TEST(test_drop)
{
	open_with_bucket();
	put("b", "k", 0);
	put("b", "l", 50);
	commit();
	ck_assert_int_eq(store_drop(batch(), text("none")), STORE_NO_BUCKET);
	assert_ok(store_drop(batch(), text("b")));
	assert_get(batch(), "b", "k", STORE_NO_BUCKET);
	ck_assert_int_eq(store_drop(batch(), text("b")), STORE_NO_BUCKET);
	ck_assert_uint_eq(stats().buckets, 0);
	ck_assert_uint_eq(stats().dropped, 2);
	ck_assert_uint_eq(stats().dropped_buckets, 1);
	ck_assert_uint_eq(stats().keys, 0);
	assert_expiry(snapshot(), "k", 0);
	store_abort(fx.store);
	assert_expiry(batch(), "k", 0);

	assert_ok(store_drop(batch(), text("b")));
	assert_ok(store_create(batch(), text("b")));
	assert_get(batch(), "b", "k", STORE_ABSENT);
	put("b", "l", 60);
	commit();
	/* The old bucket l is removed without reports, even if a new one has
	 * its name. */
	store_set_now(fx.store, 55);
	assert_count(snapshot(), "b", 1);
	ck_assert(!expire(9, ""));
	assert_expiry(batch(), "l", 60);
	commit();
	purge_all();
	ck_assert_uint_eq(stats().dropped, 0);
	ck_assert_uint_eq(stats().keys, 1);
	ck_assert_uint_eq(stats().expiring, 1);
	store_set_now(fx.store, 60);
	ck_assert(!expire(9, "b/l "));
	commit();
}

/* The batch drops a bucket that it changed before, and an empty one. */
TEST(test_drop_after_put)
{
	open_with_bucket();
	put("b", "k", 0);
	assert_ok(store_drop(batch(), text("b")));
	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_drop(batch(), text("c")));
	commit();
	ck_assert_uint_eq(stats().buckets, 0);
	ck_assert_uint_eq(stats().dropped, 1);
	ck_assert_uint_eq(stats().dropped_buckets, 2);
	purge_all();
	ck_assert_uint_eq(stats().keys + stats().dropped, 0);
	ck_assert_uint_eq(stats().dropped_buckets, 0);
}

TEST(test_purge_by_steps)
{
	unsigned int i, steps = 0;
	bool more = true;
	char key[16];

	open_with_bucket();
	assert_ok(store_create(batch(), text("a")));
	assert_ok(store_create(batch(), text("stays")));
	put("stays", "k", 7);
	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "%u", i);
		put(i % 4 ? "a" : "b", key, i % 3 ? 0 : i);
	}
	commit();
	assert_ok(store_purge(fx.store, 10, &more));
	ck_assert(!more);
	assert_ok(store_drop(batch(), text("b")));
	assert_ok(store_drop(batch(), text("a")));
	commit();
	ck_assert_uint_eq(stats().dropped, 1000);
	store_abort(fx.store);
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_purge(fx.store, 0, &more));
	ck_assert(more);
	for (more = true; more; steps++) {
		assert_ok(store_purge(fx.store, 33, &more));
		commit();
		ck_assert_uint_eq(stats().dropped,
		    more ? 1000 - 33 * (steps + 1) : 0);
		close_store();
		open_store();
	}
	ck_assert_uint_eq(steps, 31);
	ck_assert_uint_eq(stats().keys, 1);
	ck_assert_uint_eq(stats().expiring, 1);
	assert_get(batch(), "stays", "k", STORE_OK);
}

/* A damaged record of a dropped bucket must not affect an existing bucket. */
TEST(test_damaged_dropped)
{
	bool more;

	open_with_bucket();
	assert_ok(store_create(batch(), text("c")));
	put("b", "k", 0);
	put("c", "k", 0);
	assert_ok(store_drop(batch(), text("b")));
	commit();
	close_store();
	/* The pattern is id 1 and one entry, which take 8 bytes each; the
	 * checksum follows. */
	damage((struct bytes)B("\0\0\0\0\0\0\0\1\1\0\0\0\0\0\0\0"), 7, 1 ^ 2);
	open_store();
	ck_assert_int_eq(store_purge(fx.store, 9, &more), STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "checksum"));
	ck_assert(!more);
	assert_ok(store_purge(fx.store, 9, &more));
	commit();
	assert_get(snapshot(), "c", "k", STORE_OK);
	ck_assert_uint_eq(stats().keys, 1);
}

/* The name in a row of the expiry index is damaged: the row is removed, and
 * other rows still expire. */
TEST(test_damaged_row)
{
	struct bytes name = text("kvd-damage-test-bucket");
	bool more;

	open_store();
	assert_ok(store_create(batch(), name));
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_put(batch(), name, text("kkkk"), text("v"), 77));
	put("b", "k", 78);
	commit();
	close_store();
	damage((struct bytes)B("kkkk"), 0, 1);
	open_store();
	store_set_now(fx.store, 100);
	told[0] = '\0';
	ck_assert_int_eq(store_expire(batch(), 9, tell, told, &more),
	    STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "checksum"));
	ck_assert_str_eq(told, "b/k ");
	ck_assert(!more);
	ck_assert(!expire(9, ""));
	commit();
	assert_next(snapshot(), 0);
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
}

/* A damaged record of a bucket has the same effect. */
TEST(test_damaged_bucket)
{
	struct bytes name = text("kvd-damage-test-bucket");
	bool more;

	open_store();
	assert_ok(store_create(batch(), name));
	assert_ok(store_create(batch(), text("b")));
	commit();
	close_store();
	damage(name, (ssize_t)name.size + 1, 1);
	open_store();
	put("b", "k", 78);
	commit();
	store_set_now(fx.store, 100);
	ck_assert_int_eq(store_count(batch(), name, &(uint64_t){ 0 }),
	    STORE_DAMAGED);
	assert_ok(store_drop(batch(), name));
	told[0] = '\0';
	assert_ok(store_expire(batch(), 9, tell, told, &more));
	ck_assert_str_eq(told, "b/k ");
}

/* A damaged entry keeps its old checksum, since a new expiry would hide the
 * damage. */
TEST(test_damaged_entry)
{
	struct bytes value = text("kvd-damage-test-value");

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), value, 50));
	commit();
	close_store();
	damage(value, 0, 1);
	open_store();
	ck_assert_int_eq(store_set_expiry(batch(), text("b"), text("k"), 60),
	    STORE_DAMAGED);
	assert_get(batch(), "b", "k", STORE_DAMAGED);
	store_set_now(fx.store, 50);
	ck_assert(!expire(9, "b/k "));
	assert_get(batch(), "b", "k", STORE_ABSENT);
	commit();
}

/* An earlier expiry of the key may have left rows in the index. */
static const struct {
	/* These say whether the test calls store_set_expiry() and whether it
	 * deletes the entry before the put. */
	bool set, deleted;
	int64_t expiry_ms; /* This is the expiry that counts. */
} stale_table[] = {
	{ false, false, 0 },
	{ false, false, 60 },
	{ false, true, 0 },
	{ false, true, 60 },
	{ true, false, 0 },
	{ true, false, 60 },
};

/* A replaced expiry removes nothing, whether the test commits in between or
 * not. */
TEST(test_replaced_expiry)
{
	size_t way = (size_t)_i / 2;

	open_with_bucket();
	put("b", "k", 50);
	if (_i % 2 == 0)
		commit();
	if (stale_table[way].deleted)
		assert_ok(store_delete(batch(), text("b"), text("k")));
	if (stale_table[way].set)
		assert_ok(store_set_expiry(batch(), text("b"), text("k"),
		    stale_table[way].expiry_ms));
	else
		put("b", "k", stale_table[way].expiry_ms);
	commit();
	store_set_now(fx.store, 50);
	ck_assert(!expire(9, ""));
	commit();
	assert_get(snapshot(), "b", "k", STORE_OK);
	assert_count(snapshot(), "b", 1);
	store_set_now(fx.store, 60);
	ck_assert(!expire(9, stale_table[way].expiry_ms == 60 ? "b/k " : ""));
}

/*
 * The test damages one byte in front of the value of an entry, perhaps in its
 * expiry, and then puts the entry again.  The rest of the old entry must remove
 * nothing.
 */
TEST(test_damaged_then_put)
{
	struct bytes value = text("kvd-damage-test-value");
	enum store_result result;
	bool more;

	told[0] = '\0';
	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), value, 50));
	commit();
	close_store();
	damage(value, -1 - _i, 1);
	open_store();
	put("b", "k", 0);
	commit();
	store_set_now(fx.store, 1000);
	result = store_expire(batch(), 9, tell, told, &more);
	ck_assert(result == STORE_OK || result == STORE_DAMAGED);
	ck_assert_str_eq(told, "");
	commit();
	assert_get(snapshot(), "b", "k", STORE_OK);
}

/* This puts entries with an expiry until the store has no room. */
static unsigned int
fill_with_expiry(void)
{
	uint8_t value[1000] = { 0 };
	enum store_result result = STORE_OK;
	unsigned int i;
	char key[16];

	for (i = 0; result == STORE_OK; i++) {
		snprintf(key, sizeof(key), "%08u", i * 7919 % 1000000);
		result = store_put(batch(), text("b"), text(key),
		    (struct bytes){ value, sizeof(value) }, 1000 + i);
		if (result == STORE_OK)
			result = store_commit(fx.store);
	}
	ck_assert_int_eq(result, STORE_FULL);
	store_abort(fx.store);
	return i - 1;
}

/* On a full disk the reserve still lets expired entries and dropped buckets be
 * removed. */
TEST(test_full_disk)
{
	unsigned int n, left;
	bool more = true;
	int steps = 0;

	open_with_bucket();
	n = fill_with_expiry();
	ck_assert_uint_gt(n, 1000);
	limit_disk(file_size());
	ck_assert_int_eq(store_grow(fx.store), STORE_FULL);
	store_set_now(fx.store, 1000 + n - n / 16);
	use_reserve(true);
	if (_i == 1) {
		assert_ok(store_drop(batch(), text("b")));
		commit();
		assert_ok(store_checkpoint(fx.store));
	}
	for (; more; steps++) {
		told[0] = '\0';
		if (_i == 0)
			assert_ok(store_expire(batch(), 16, tell, told, &more));
		else
			assert_ok(store_purge(fx.store, 16, &more));
		commit();
	}
	ck_assert_int_gt(steps, 2);
	use_reserve(false);
	left = (unsigned int)stats().keys;
	store_abort(fx.store);
	ck_assert_uint_eq(left, _i == 0 ? n / 16 - 1 : 0);
	if (_i == 1)
		assert_ok(store_create(batch(), text("b")));
	store_set_now(fx.store, 0);
	ck_assert_uint_gt(fill_store(0, 1000), n / 4);
}

static const struct test tests[] = {
	STORE_CASE("expiry"),
	ONCE(test_none),
	ONCE(test_due),
	ONCE(test_clock_goes_back),
	ONCE(test_put_changes_expiry),
	LOOP(test_set_expiry, 3),
	ONCE(test_delete_removes_row),
	ONCE(test_put_over_due),
	ONCE(test_expire_in_order),
	ONCE(test_expire_many),
	ONCE(test_longest_names),
	ONCE(test_drop),
	ONCE(test_drop_after_put),
	ONCE(test_purge_by_steps),
	ONCE(test_damaged_dropped),
	ONCE(test_damaged_row),
	ONCE(test_damaged_bucket),
	ONCE(test_damaged_entry),
	LOOP(test_replaced_expiry, (2 * COUNT(stale_table))),
	/* A record begins with a header of 20 bytes. */
	LOOP(test_damaged_then_put, 20),
	LOOP(test_full_disk, 2),
};

SUITE("expiry", tests)
