/*
 * check_views: these tests check scans, pins, savepoints and statistics, and
 * how a store of an older format is upgraded.
 */

#include "unit.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

#include "store/page.h"
#include "store/store_verify.h"

#define LINES_SIZE 16384
#define NONE ((struct bytes){ NULL, 0 })

/* This is what a scan visited: each name in brackets, followed by its value. */
struct visited {
	char text[1 << 16];
	/* The callback returns false at the last of these visits. */
	size_t left;
	bool values;
};
static struct visited visited;

static void
note(struct bytes b)
{
	size_t size = strlen(visited.text), i;

	for (i = 0; i < b.size; i++)
		size += (size_t)snprintf(visited.text + size,
		    sizeof(visited.text) - size,
		    ((const uint8_t *)b.data)[i] > ' ' &&
			    ((const uint8_t *)b.data)[i] < 0x7f ?
			"%c" :
			"\\%02x",
		    ((const uint8_t *)b.data)[i]);
}

static bool
visit(void *arg, const struct store_entry *e)
{
	ck_assert_ptr_eq(arg, &visited);
	strlcat(visited.text, "[", sizeof(visited.text));
	note(e->key);
	strlcat(visited.text, "]", sizeof(visited.text));
	note(e->value);
	return --visited.left > 0;
}

static bool
visit_bucket(void *arg, struct bytes name)
{
	struct store_entry e = { .key = name };

	return visit(arg, &e);
}

static void
begin_scan(size_t limit)
{
	visited.text[0] = '\0';
	visited.left = limit;
}

static void
assert_scan(struct store_view *v, struct bytes prefix, struct bytes after,
    size_t limit, const char *want)
{
	begin_scan(limit);
	assert_ok(store_scan(v, text("b"), prefix, after, visit, &visited));
	ck_assert_str_eq(visited.text, want);
}

static void
assert_keys(struct store_view *v, const char *want)
{
	begin_scan(SIZE_MAX);
	assert_ok(store_scan_keys(v, text("b"), NONE, NONE, visit, &visited));
	ck_assert_str_eq(visited.text, want);
}

static void
assert_buckets(struct store_view *v, struct bytes prefix, struct bytes after,
    size_t limit, const char *want)
{
	begin_scan(limit);
	assert_ok(store_scan_buckets(v, prefix, after, visit_bucket, &visited));
	ck_assert_str_eq(visited.text, want);
}

static void
put(const char *key, const char *value)
{
	assert_ok(store_put(batch(), text("b"), text(key), text(value), 0));
}

TEST(test_scan_empty)
{
	open_store();
	assert_buckets(snapshot(), NONE, NONE, 9, "");
	begin_scan(9);
	ck_assert_int_eq(
	    store_scan(snapshot(), text("b"), NONE, NONE, visit, &visited),
	    STORE_NO_BUCKET);
	assert_ok(store_create(batch(), text("a")));
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_put(batch(), text("a"), text("k"), text("a's"), 0));
	assert_ok(store_put(batch(), text("c"), text("k"), text("c's"), 0));
	assert_scan(batch(), NONE, NONE, 9, "");
	assert_keys(batch(), "");
	assert_scan(batch(), text("k"), NONE, 9, "");
	assert_scan(batch(), NONE, text("k"), 9, "");
	assert_buckets(batch(), NONE, NONE, 9, "[a][b][c]");
	assert_buckets(snapshot(), NONE, NONE, 9, "");
}

static const struct bytes ordered[] = { B("\0"), B("\0\0"), B("\1"), B(" "),
	B("A"), B("a"), B("a\0"), B("aa"), B("ab"), B("abc"), B("ac"), B("b"),
	B("\x7f"), B("\x80"), B("\xc3\xa9"), B("\xff"), B("\xff\0"),
	B("\xff\xff") };
#define N_ORDERED COUNT(ordered)

static const struct {
	struct bytes prefix, after;
	size_t first, n; /* These are indexes into `ordered`. */
} scan_table[] = {
	{ { NULL, 0 }, { NULL, 0 }, 0, N_ORDERED },
	{ B("a"), { NULL, 0 }, 5, 6 },
	{ B("a"), B("a"), 6, 5 },
	{ B("a"), B("a\0"), 7, 4 },
	{ B("a"), B("A"), 5, 6 },
	{ B("a"), B("\0"), 5, 6 },
	{ B("a"), B("aaaa"), 8, 3 },
	{ B("a"), B("ac"), 0, 0 },
	{ B("a"), B("b"), 0, 0 },
	{ B("a"), B("\xff"), 0, 0 },
	{ B("ab"), { NULL, 0 }, 8, 2 },
	{ B("abc"), { NULL, 0 }, 9, 1 },
	{ B("abcd"), { NULL, 0 }, 0, 0 },
	{ B("ad"), { NULL, 0 }, 0, 0 },
	{ B("\xff"), { NULL, 0 }, 15, 3 },
	{ B("\xff\xff"), { NULL, 0 }, 17, 1 },
	{ B("\xff\xff\xff"), { NULL, 0 }, 0, 0 },
	{ B("\0"), { NULL, 0 }, 0, 2 },
	{ B("\0"), B("\0"), 1, 1 },
	{ { NULL, 0 }, B("\0"), 1, N_ORDERED - 1 },
	{ { NULL, 0 }, B("\xff\xff"), 0, 0 },
	{ { NULL, 0 }, B("\xff\xfe"), 17, 1 },
	{ { NULL, 0 }, B("b"), 12, 6 },
	{ { NULL, 0 }, B("\xc3\xa8"), 14, 4 },
};

/* Keys and names are visited in byte order, in whatever order they were
 * written. */
TEST(test_scan_order)
{
	struct bytes prefix = scan_table[_i].prefix;
	struct bytes after = scan_table[_i].after;
	char want[1024];
	size_t i;

	open_with_bucket();
	for (i = 0; i < N_ORDERED; i++)
		assert_ok(store_put(batch(), text("b"),
		    ordered[i * 7 % N_ORDERED], NONE, 0));
	begin_scan(SIZE_MAX);
	for (i = 0; i < scan_table[_i].n; i++) {
		struct store_entry e = {
			.key = ordered[scan_table[_i].first + i]
		};

		(void)visit(&visited, &e);
	}
	strlcpy(want, visited.text, sizeof(want));
	assert_scan(batch(), prefix, after, SIZE_MAX, want);
	commit();
	assert_scan(snapshot(), prefix, after, SIZE_MAX, want);
	assert_ok(store_drop(batch(), text("b")));
	for (i = 0; i < N_ORDERED; i++)
		assert_ok(store_create(batch(), ordered[i * 11 % N_ORDERED]));
	assert_buckets(batch(), prefix, after, SIZE_MAX, want);
	commit();
	assert_buckets(snapshot(), prefix, after, SIZE_MAX, want);
}

TEST(test_scan_stops)
{
	open_with_bucket();
	put("a", "1");
	put("b", "2");
	put("c", "");
	assert_scan(batch(), NONE, NONE, 1, "[a]1");
	assert_scan(batch(), NONE, text("a"), 1, "[b]2");
	assert_scan(batch(), NONE, NONE, 2, "[a]1[b]2");
	assert_scan(batch(), NONE, NONE, 3, "[a]1[b]2[c]");
	assert_keys(batch(), "[a][b][c]");
	assert_ok(store_create(batch(), text("c")));
	assert_buckets(batch(), NONE, NONE, 1, "[b]");
	assert_buckets(batch(), NONE, text("b"), 1, "[c]");
	/* The test writes between two steps of a scan. */
	assert_ok(store_delete(batch(), text("b"), text("b")));
	assert_scan(batch(), NONE, text("b"), 9, "[c]");
}

TEST(test_scan_skips_due)
{
	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("a"), text("1"), 10));
	put("b", "2");
	assert_ok(store_put(batch(), text("b"), text("c"), text("3"), 20));
	store_set_now(fx.store, 10);
	assert_scan(batch(), NONE, NONE, 9, "[b]2[c]3");
	assert_scan(batch(), NONE, NONE, 1, "[b]2");
	assert_keys(batch(), "[b][c]");
	store_set_now(fx.store, 20);
	assert_keys(batch(), "[b]");
	store_set_now(fx.store, 9);
	assert_keys(batch(), "[a][b][c]");
}

/* Names and keys of the greatest size serve as prefix and as start. */
TEST(test_scan_longest)
{
	char longest[255], shorter[254];
	struct bytes l = { longest, 255 }, s = { shorter, 254 };

	memset(longest, 0xff, sizeof(longest));
	memset(shorter, 0xff, sizeof(shorter));
	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), l, text("long"), 0));
	assert_ok(store_put(batch(), text("b"), s, text("short"), 0));
	begin_scan(9);
	assert_ok(store_scan(batch(), text("b"), l, NONE, visit, &visited));
	ck_assert_uint_eq(visited.left, 8);
	assert_ok(store_scan(batch(), text("b"), s, NONE, visit, &visited));
	ck_assert_uint_eq(visited.left, 6);
	assert_ok(store_scan(batch(), text("b"), NONE, s, visit, &visited));
	ck_assert_uint_eq(visited.left, 5);
	assert_ok(store_scan(batch(), text("b"), NONE, l, visit, &visited));
	ck_assert_uint_eq(visited.left, 5);
}

/* Damage ends a scan of values at the damaged entry, but not a scan of keys. */
TEST(test_scan_damaged)
{
	open_with_bucket();
	put("a", "1");
	put("k", "kvd-damage-test-value");
	put("z", "3");
	commit();
	close_store();
	damage(text("kvd-damage-test-value"), 3, 1);
	open_store();
	begin_scan(9);
	ck_assert_int_eq(
	    store_scan(snapshot(), text("b"), NONE, NONE, visit, &visited),
	    STORE_DAMAGED);
	ck_assert_str_eq(visited.text, "[a]1");
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "checksum"));
	assert_keys(snapshot(), "[a][k][z]");
	assert_scan(snapshot(), NONE, text("k"), 9, "[z]3");
}

static struct store_view *
pin(void)
{
	struct store_view *v;

	assert_ok(store_pin(fx.store, &v));
	return v;
}

static void
commit_put(const char *value)
{
	put("k", value);
	commit();
}

TEST(test_pin)
{
	struct store_view *one, *two, *same;

	open_with_bucket();
	commit_put("1");
	one = pin();
	ck_assert_uint_eq(store_revision(one), store_revision(snapshot()));
	ck_assert_uint_eq(store_revision(batch()), store_revision(one) + 1);
	put("k", "2");
	same = pin();
	ck_assert_ptr_eq(one, same);
	assert_ok(store_commit(fx.store));
	two = pin();
	ck_assert_ptr_ne(one, two);
	ck_assert_uint_eq(store_revision(two), store_revision(one) + 1);
	store_release(fx.store);
	commit_put("3");
	assert_value(one, text("b"), text("k"), text("1"));
	assert_value(two, text("b"), text("k"), text("2"));
	store_unpin(same);
	put("k", "4");
	store_abort(fx.store);
	assert_value(one, text("b"), text("k"), text("1"));
	store_unpin(one);
	assert_value(two, text("b"), text("k"), text("2"));
	assert_value(snapshot(), text("b"), text("k"), text("3"));
	store_unpin(two);
	one = pin();
	ck_assert_uint_eq(store_revision(one), store_revision(snapshot()));
	/* Closing ends the remaining pins. */
}

/* What a pin reads was folded meanwhile, and the memory of what was folded is
 * used again. */
TEST(test_pin_survives_folds)
{
	struct store_view *v;
	char value[16];
	int i;

	open_with_bucket();
	commit_put("1");
	v = pin();
	for (i = 2; i < 8; i++) {
		snprintf(value, sizeof(value), "%d", i);
		commit_put(value);
		assert_ok(store_checkpoint(fx.store));
		assert_value(v, text("b"), text("k"), text("1"));
		assert_value(snapshot(), text("b"), text("k"), text(value));
		store_release(fx.store);
	}
	store_unpin(v);
}

/* There are many commits with a pin each.  Every pin shows its own data, and
 * the number of pins is limited. */
TEST(test_pin_max)
{
	struct store_view *pins[STORE_PINS_MAX], *v;
	struct store_stats st;
	char value[16];
	int i;

	open_with_bucket();
	for (i = 0; i < STORE_PINS_MAX; i++) {
		snprintf(value, sizeof(value), "%d", i);
		commit_put(value);
		pins[i] = pin();
	}
	ck_assert_ptr_eq(pin(), pins[i - 1]);
	commit_put("last");
	ck_assert_int_eq(store_pin(fx.store, &v), STORE_BUSY);
	assert_ok(store_stats(snapshot(), &st));
	ck_assert_uint_eq(st.pins, STORE_PINS_MAX);
	for (i = 0; i < STORE_PINS_MAX; i++) {
		snprintf(value, sizeof(value), "%d", i);
		assert_value(pins[i], text("b"), text("k"), text(value));
	}
	store_unpin(pins[60]);
	v = pin();
	assert_value(v, text("b"), text("k"), text("last"));
	assert_value(pins[59], text("b"), text("k"), text("59"));
	assert_value(snapshot(), text("b"), text("k"), text("last"));
}

/*
 * The map moves while the pin exists, and pages are rewritten and freed.  The
 * pin still shows the same data, by single reads and by a scan.
 */
TEST(test_pin_survives_growth)
{
	unsigned int i, n = 2000, round;
	size_t size = _i ? 5000 : 900;
	struct store_view *v;
	off_t before;

	open_with_bucket();
	for (i = 0; i < n; i++)
		while (commit_filler(i, size) != STORE_OK)
			assert_ok(store_grow(fx.store));
	v = pin();
	for (round = 0; round < 4; round++) {
		before = file_size();
		for (i = 0; i < n; i++)
			assert_ok(commit_filler(i, 100 + round));
		assert_ok(store_checkpoint(fx.store));
		assert_ok(store_grow(fx.store));
		ck_assert_int_gt(file_size(), before);
		for (i = 0; i < n; i++)
			assert_filler(v, i, size);
		begin_scan(SIZE_MAX);
		visited.left = 3;
		assert_ok(
		    store_scan_keys(v, text("b"), NONE, NONE, visit, &visited));
		ck_assert_str_eq(visited.text,
		    "[00000000][00000001][00000002]");
	}
	store_unpin(v);
	assert_filler(snapshot(), 0, 103);
}

/* On a full disk a pin keeps deletes from freeing space; after its end they
 * do. */
TEST(test_pin_on_full_disk)
{
	unsigned int n, i;
	struct store_view *v;

	open_with_bucket();
	n = fill_store(0, 1000);
	limit_disk(file_size());
	n = fill_for_good(n, 1000);
	v = pin();
	use_reserve(true);
	for (i = 0; i < 20; i++)
		assert_ok(commit_delete(i));
	use_reserve(false);
	/* Of what 20 took, next to nothing can be had again. */
	ck_assert_uint_lt(fill_store(n, 1000), n + 8);
	for (i = 0; i < n; i++)
		assert_filler(v, i, 1000);
	store_unpin(v);
	use_reserve(true);
	for (i = 20; i < 200; i++)
		assert_ok(commit_delete(i));
	use_reserve(false);
	assert_ok(commit_filler(n + 8, 1000));
}

/*
 * Pages that a pin shows are not free, nor are those freed since the oldest
 * pin.  Puts must find the store full early enough to leave room for deletes.
 */
TEST(test_pin_keeps_reserve)
{
	struct store_view *v, *newer;
	enum store_result result;
	unsigned int n, next, i;

	open_with_bucket();
	n = fill_store(0, 5000);
	limit_disk(file_size());
	n = fill_for_good(n, 5000);
	v = pin();
	for (i = 0; i < 150; i++)
		assert_ok(commit_delete(i));
	assert_ok(store_checkpoint(fx.store));
	newer = pin();
	for (; i < 200; i++)
		assert_ok(commit_delete(i));
	/* There may be no space to fold this as long as there are pins. */
	result = store_checkpoint(fx.store);
	ck_assert(result == STORE_OK || result == STORE_FULL);
	next = fill_store(n, 5000);
	ck_assert_uint_lt(next, n + 8);
	assert_filler(v, 0, 5000);
	ck_assert(filler_is_absent(newer, 0));
	assert_filler(newer, 150, 5000);
	store_unpin(v);
	store_unpin(newer);
	/* Their pages are counted as free when a put finds too few. */
	assert_ok(store_grow(fx.store));
	ck_assert_uint_gt(fill_for_good(next, 5000), n + 100);
}

/* This starts a program that has the file open and may have a view of it. */
static pid_t
fork_program(bool reads)
{
	int ready[2];
	MDB_env *env;
	MDB_txn *txn;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	if ((pid = test_fork()) == 0) {
		(void)close(ready[0]);
		env = open_raw();
		if ((reads &&
			mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0) ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return pid;
}

/*
 * Pages in views of a killed registry are reused, even if another program has
 * the file open and so LMDB does not clean up by itself.
 */
TEST(test_killed_reader)
{
	unsigned int i;
	pid_t pid;

	open_with_bucket();
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(commit_filler(i, 5000), STORE_OK);
	close_store();
	fx.owner = fork_program(false);
	pid = fork_program(true);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	open_store();
	for (i = 0; i < 3000; i++)
		ck_assert_int_eq(commit_filler(i % 100, 5000), STORE_OK);
	ck_assert_int_eq(file_size(), 4 << 20);
}

TEST(test_savepoint)
{
	open_with_bucket();
	put("before", "1");
	store_save(fx.store);
	put("inside", "2");
	put("before", "3");
	assert_ok(store_create(batch(), text("c")));
	assert_keys(batch(), "[before][inside]");
	store_undo(fx.store);
	assert_scan(batch(), NONE, NONE, 9, "[before]1");
	assert_get(batch(), "c", "k", STORE_NO_BUCKET);
	store_undo(fx.store); /* Without a savepoint this does nothing. */
	store_keep(fx.store);

	store_save(fx.store);
	put("kept", "4");
	store_keep(fx.store);
	store_save(fx.store);
	put("kept", "5");
	store_undo(fx.store);
	put("after", "6");
	assert_scan(batch(), NONE, NONE, 9, "[after]6[before]1[kept]4");
	commit();
	assert_scan(snapshot(), NONE, NONE, 9, "[after]6[before]1[kept]4");
}

/* A commit keeps the changes made since an open savepoint; an abort reverts the
 * whole batch. */
TEST(test_savepoint_left_open)
{
	open_with_bucket();
	put("a", "1");
	store_save(fx.store);
	put("b", "2");
	commit();
	assert_keys(snapshot(), "[a][b]");
	put("c", "3");
	store_save(fx.store);
	put("d", "4");
	store_abort(fx.store);
	assert_keys(batch(), "[a][b]");
	store_save(fx.store);
	put("e", "5");
	assert_ok(store_grow(fx.store));
	assert_keys(batch(), "[a][b]");
	store_save(fx.store);
	put("f", "6");
	close_store();
	open_store();
	assert_keys(batch(), "[a][b]");
}

static void
assert_count(const char *bucket, uint64_t want)
{
	uint64_t count;

	assert_ok(store_count(batch(), text(bucket), &count));
	ck_assert_uint_eq(count, want);
}

/* The counters are right for the bucket that the batch knows and for others. */
TEST(test_savepoint_counts)
{
	struct bytes k = text("k"), l = text("l"), v = text("v");

	open_with_bucket();
	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_put(batch(), text("b"), k, v, 0));
	store_save(fx.store);
	assert_ok(store_put(batch(), text("b"), l, v, 5));
	assert_ok(store_put(batch(), text("c"), k, v, 0));
	assert_ok(store_drop(batch(), text("b")));
	store_undo(fx.store);
	assert_count("b", 1);
	assert_count("c", 0);
	store_save(fx.store);
	assert_ok(store_put(batch(), text("c"), k, v, 0));
	assert_ok(store_put(batch(), text("b"), l, v, 0));
	store_keep(fx.store);
	assert_count("b", 2);
	assert_count("c", 1);
	commit();
	assert_count("b", 2);
	assert_count("c", 1);
}

/* The store becomes full while a savepoint is open, so the whole batch must be
 * aborted. */
TEST(test_savepoint_full)
{
	enum store_result result = STORE_OK;
	unsigned int i;

	open_with_bucket();
	put("before", "1");
	store_save(fx.store);
	for (i = 0; result == STORE_OK; i++)
		result = put_filler(batch(), i, 1000);
	ck_assert_int_eq(result, STORE_FULL);
	store_abort(fx.store);
	assert_keys(batch(), "");
	assert_ok(store_grow(fx.store));
	put("before", "1");
	store_save(fx.store);
	for (i = 0; i < 3000; i++)
		assert_ok(put_filler(batch(), i, 1000));
	store_keep(fx.store);
	store_save(fx.store);
	assert_ok(store_drop(batch(), text("b")));
	store_undo(fx.store);
	commit();
	for (i = 0; i < 3000; i++)
		assert_filler(snapshot(), i, 1000);
}

TEST(test_stats)
{
	struct store_stats st, after;

	open_store();
	assert_ok(store_stats(snapshot(), &st));
	ck_assert_uint_eq(st.buckets + st.keys + st.expiring + st.dropped +
		st.outcomes + st.pins,
	    0);
	/* and two segments */
	ck_assert_uint_eq(st.file_bytes,
	    (uint64_t)file_size() + 2 * ((uint64_t)1 << 20));
	ck_assert_uint_gt(st.used_bytes, 4096);
	ck_assert_uint_lt(st.used_bytes, 100000);
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_put_outcome(batch(), 9, text("x")));
	assert_ok(put_filler(batch(), 0, 5000));
	assert_ok(put_filler(batch(), 1, 5000));
	assert_ok(store_set_expiry(batch(), text("b"), text("00000001"), 5));
	store_set_now(fx.store, 6);
	assert_ok(store_stats(batch(), &after));
	ck_assert_uint_eq(after.revision, st.revision + 1);
	commit();
	assert_ok(store_stats(snapshot(), &after));
	ck_assert_uint_eq(after.buckets, 2);
	ck_assert_uint_eq(after.keys, 2);
	ck_assert_uint_eq(after.expiring, 1);
	ck_assert_uint_eq(after.outcomes, 1);
	ck_assert_uint_ge(after.used_bytes, st.used_bytes + 10000);
	ck_assert_uint_le(after.used_bytes, after.file_bytes);
	ck_assert_uint_eq(after.revision, st.revision + 1);
	(void)pin();
	(void)pin();
	assert_ok(store_stats(snapshot(), &after));
	ck_assert_uint_eq(after.pins, 1);
}

TEST(test_set_sync)
{
	assert_ok(try_open(STORE_SYNC_NEVER));
	assert_ok(store_create(batch(), text("b")));
	commit();
	ck_assert(store_unsynced(fx.store));
	/* Commits that were made without syncing are synced as soon as syncing
	 * is switched on. */
	assert_ok(store_set_sync(fx.store, 50));
	ck_assert(!store_unsynced(fx.store));
	commit_put("0");
	ck_assert(store_unsynced(fx.store));
	assert_ok(store_set_sync(fx.store, STORE_SYNC_NEVER));
	ck_assert(store_unsynced(fx.store));
	assert_ok(store_set_sync(fx.store, STORE_SYNC_ALWAYS));
	ck_assert(!store_unsynced(fx.store));
	commit_put("1");
	ck_assert(!store_unsynced(fx.store));
	/* A batch is open meanwhile. */
	put("k", "2");
	assert_ok(store_set_sync(fx.store, 1));
	commit();
	ck_assert(store_unsynced(fx.store));
	put("k", "3");
	assert_ok(store_set_sync(fx.store, STORE_SYNC_ALWAYS));
	ck_assert(!store_unsynced(fx.store));
	commit();
	ck_assert(!store_unsynced(fx.store));
	assert_value(snapshot(), text("b"), text("k"), text("3"));
}

/*
 * This makes a store of the first format with LMDB's own calls.  It has one
 * bucket, "b" with id 1, and the entries of the bucket.
 */
static void
put_format_1(MDB_txn *txn, const char *db, struct bytes key, struct bytes value)
{
	uint8_t *k = unit_copy(key.data, key.size);
	uint8_t *v = unit_copy(value.data, value.size);
	MDB_val mk = { key.size, k }, mv = { value.size, v };
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_dbi_open(txn, db, MDB_CREATE, &dbi), 0);
	ck_assert_int_eq(mdb_put(txn, dbi, &mk, &mv, 0), 0);
	free(k);
	free(v);
}

/* kvd 0.1.0 wrote these records, including the checksums. */
static const struct {
	const char *db;
	struct bytes key, value;
} format_1[] = {
	{ "meta", B("format"), B("\1\0\0\0") },
	{ "meta", B("next-bucket"), B("\2\0\0\0\0\0\0\0") },
	{ "buckets", B("b"),
	    B("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
	      "\233\163\351\146") },
	{ "entries", B("\0\0\0\0\0\0\0\1k"),
	    B("\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	      "\215\243\112\070"
	      "one") },
	{ "entries", B("\0\0\0\0\0\0\0\1l"),
	    B("\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	      "\115\107\024\036") },
	{ "outcomes", B("\0\0\0\0\0\0\0\7"),
	    B("\064\325\253\141"
	      "frames") },
};

static void
make_format_1(void)
{
	MDB_env *env = open_raw();
	MDB_txn *txn;
	size_t i;

	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	for (i = 0; i < COUNT(format_1); i++)
		put_format_1(txn, format_1[i].db, format_1[i].key,
		    format_1[i].value);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

TEST(test_upgrade)
{
	struct bytes record = { NULL, 0 };
	struct store_stats st;
	int round;

	make_format_1();
	for (round = 0; round < 3; round++) {
		open_store();
		assert_value(snapshot(), text("b"), text("k"), text("one"));
		assert_value(snapshot(), text("b"), text("l"), text(""));
		assert_ok(store_get_outcome(snapshot(), 7, &record));
		unit_assert_bytes(record, text("frames"));
		assert_ok(store_stats(snapshot(), &st));
		ck_assert_uint_eq(st.keys, 2);
		ck_assert_uint_eq(st.expiring, round > 0);
		assert_count("b", 2);
		assert_ok(
		    store_put(batch(), text("b"), text("k"), text("one"), 5));
		commit();
		close_store();
	}
	open_store();
	store_set_now(fx.store, 5);
	assert_keys(snapshot(), "[l]");
}

/* This makes the store one of format 3, which had no sizes of buckets. */
static void
make_format_3(void)
{
	uint8_t format[4] = { 3 };
	MDB_val k = { 6, (void *)(uintptr_t) "format" }, v = { 4, format };
	MDB_env *env = open_raw();
	MDB_cursor *cursor;
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
	ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	ck_assert_int_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
	while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
		if (memcmp(k.mv_data, "size", 4) == 0)
			ck_assert_int_eq(mdb_cursor_del(cursor, 0), 0);
	mdb_cursor_close(cursor);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
note_line(void *arg, const char *line)
{
	(void)strlcat(arg, line, LINES_SIZE);
}

static bool
verify_on(void *arg, uint64_t entries, uint64_t bytes)
{
	(void)arg;
	(void)entries;
	(void)bytes;
	return true;
}

static void
check_store(char found[LINES_SIZE], enum store_result want)
{
	struct verify_options o = { .dir = fx.dir,
		.found = note_line,
		.go_on = verify_on,
		.arg = found };
	struct verify_result result;

	found[0] = '\0';
	ck_assert_int_eq(store_verify(&o, &result), want);
	if (want != STORE_OK)
		(void)strlcpy(found, result.error, LINES_SIZE);
}

static void
count_call(void *arg)
{
	++*(unsigned int *)arg;
}

/* What is in the log stays there. */
TEST(test_upgrade_3)
{
	unsigned int calls = 0;
	struct store_options o = { .role = STORE_CHECKPOINTER,
		.dir = fx.dir,
		.log_size = LOG_SIZE,
		.alive = count_call,
		.alive_arg = &calls };
	char found[LINES_SIZE];
	uint32_t want;

	open_store();
	write_some(0, 150);
	assert_ok(store_checkpoint(fx.store));
	write_some(150, 200);
	want = sum_store();
	store_close(fx.store);
	fx.open = false;
	make_format_3();
	check_store(found, STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(found, "start it once"));
	ck_assert_int_eq(store_open(&fx.store, &o), STORE_OK);
	store_close(fx.store);
	fx.store = NULL;
	ck_assert_uint_gt(calls, 50);
	check_store(found, STORE_OK);
	ck_assert_str_eq(found, "");
	ck_assert_uint_eq(sum_store(), want);
}

/* Is the text in a record of this leaf?  The rest of a page may have traces of
 * others. */
static bool
leaf_has(const uint8_t *page, const char *key)
{
	struct page_header h = page_header_of(page);

	return h.flags == PAGE_LEAF &&
	    memmem(page + h.u.bounds.upper, 4096 - h.u.bounds.upper, key,
		strlen(key)) != NULL;
}

/* This wipes the leaves that have the key. */
static void
wipe_leaves(const char *key)
{
	static const uint8_t zeros[4096];
	size_t size, at, n = 0;
	uint8_t *data = read_file(&size);
	int fd = open(fx.file, O_WRONLY);

	ck_assert_int_ne(fd, -1);
	for (at = 2 * sizeof(zeros); at < size; at += sizeof(zeros)) {
		if (!leaf_has(data + at, key))
			continue;
		ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), (off_t)at),
		    sizeof(zeros));
		n++;
	}
	ck_assert_uint_gt(n, 0);
	free(data);
	(void)close(fd);
}

/* A page that is damaged costs nothing but what was in it. */
TEST(test_upgrade_3_damaged)
{
	char found[LINES_SIZE];
	unsigned int i;

	open_with_bucket();
	assert_ok(store_create(batch(), text("c")));
	for (i = 0; i < 100; i++)
		assert_ok(put_filler(batch(), i, 300));
	assert_ok(store_put(batch(), text("c"), text("key"), text("v"), 0));
	commit();
	close_store();
	make_format_3();
	wipe_leaves("00000050");
	open_store();
	assert_value(snapshot(), text("c"), text("key"), text("v"));
	close_store();
	check_store(found, STORE_OK);
	ck_assert_ptr_nonnull(strstr(found, "data.mdb: page"));
	ck_assert_ptr_null(strstr(found, "bucket c:"));
}

/* The disk is full, or there is no room at all. */
TEST(test_upgrade_full)
{
	struct bytes format = B("\1\0\0\0");
	unsigned int n;

	open_with_bucket();
	n = fill_store(0, 1000);
	close_store();
	put_raw("meta", "format", &format);
	remove_log();
	limit_disk(file_size());
	open_store();
	assert_filler(snapshot(), n - 1, 1000);
	close_store();
	open_store();
	assert_filler(snapshot(), 0, 1000);
}

static const struct test tests[] = {
	STORE_CASE("views"),
	ONCE(test_scan_empty),
	EACH(test_scan_order, scan_table),
	ONCE(test_scan_stops),
	ONCE(test_scan_skips_due),
	ONCE(test_scan_longest),
	ONCE(test_scan_damaged),
	ONCE(test_pin),
	ONCE(test_pin_survives_folds),
	ONCE(test_pin_max),
	LOOP(test_pin_survives_growth, 2),
	ONCE(test_pin_on_full_disk),
	ONCE(test_pin_keeps_reserve),
	ONCE(test_killed_reader),
	ONCE(test_savepoint),
	ONCE(test_savepoint_left_open),
	ONCE(test_savepoint_counts),
	ONCE(test_savepoint_full),
	ONCE(test_stats),
	ONCE(test_set_sync),
	ONCE(test_upgrade),
	ONCE(test_upgrade_3),
	ONCE(test_upgrade_3_damaged),
	ONCE(test_upgrade_full),
};

SUITE("views", tests)
