/*
 * check_store: these tests check the durable store: what it reads back and
 * keeps, how it behaves when space runs out, and how it handles files that are
 * damaged or not its own.  Each store is in its own directory.
 */

#include "unit.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

static void
assert_refused(const char *word)
{
	ck_assert_int_eq(try_open(STORE_SYNC_ALWAYS), STORE_REFUSED);
	if (strstr(store_error(fx.store), word) == NULL)
		ck_abort_msg("no \"%s\" in: %s", word, store_error(fx.store));
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), fx.dir));
	ck_assert_ptr_null(strchr(store_error(fx.store), '\n'));
}

/* This makes one bucket "b" with one key "k". */
static void
make_store(const char *value)
{
	open_store();
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_put(batch(), text("b"), text("k"), text(value), 0));
	commit();
	close_store();
}

TEST(test_empty)
{
	struct stat st;

	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_get(snapshot(), "b", "k", STORE_NO_BUCKET);
	assert_get(batch(), "b", "k", STORE_NO_BUCKET);
	ck_assert_int_eq(store_put(batch(), text("b"), text("k"), text("v"), 0),
	    STORE_NO_BUCKET);
	ck_assert_int_eq(store_delete(batch(), text("b"), text("k")),
	    STORE_NO_BUCKET);
	commit();
	ck_assert_int_eq(stat(fx.dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(fx.file, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	close_store();
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_get(snapshot(), "b", "k", STORE_NO_BUCKET);
}

TEST(test_close_null)
{
	store_close(NULL);
	ck_assert_ptr_nonnull(store_error(NULL));
}

TEST(test_put_get_delete)
{
	struct bytes b = text("b"), k = text("k");

	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_ok(store_create(batch(), b));
	assert_get(batch(), "b", "k", STORE_ABSENT);
	assert_ok(store_put(batch(), b, k, text("one"), 0));
	assert_value(batch(), b, k, text("one"));
	commit();
	assert_value(snapshot(), b, k, text("one"));
	/* The new value is longer, shorter or of the same size. */
	assert_ok(store_put(batch(), b, k, text("two, and more"), 0));
	commit();
	assert_value(snapshot(), b, k, text("two, and more"));
	assert_ok(store_put(batch(), b, k, text("3"), 0));
	assert_ok(store_put(batch(), b, k, text("4"), 0));
	commit();
	assert_value(snapshot(), b, k, text("4"));
	assert_ok(store_delete(batch(), b, k));
	assert_get(batch(), "b", "k", STORE_ABSENT);
	ck_assert_int_eq(store_delete(batch(), b, k), STORE_ABSENT);
	commit();
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	assert_ok(store_put(batch(), b, k, text("again"), 0));
	commit();
	assert_value(snapshot(), b, k, text("again"));
}

TEST(test_create_again)
{
	open_store();
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 0));
	assert_ok(store_create(batch(), text("b")));
	assert_value(batch(), text("b"), text("k"), text("v"));
	commit();
	assert_ok(store_create(batch(), text("b")));
	commit();
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

TEST(test_reopen)
{
	char key[16], value[32];
	int round, i;

	for (round = 0; round < 3; round++) {
		assert_ok(try_open(
		    round == 1 ? STORE_SYNC_ALWAYS : STORE_SYNC_NEVER));
		for (i = 0; i < 100 * round; i++) {
			snprintf(key, sizeof(key), "key%d", i);
			snprintf(value, sizeof(value), "value %d", i * i);
			assert_value(snapshot(), text("b"), text(key),
			    text(value));
		}
		assert_ok(store_create(batch(), text("b")));
		for (i = 100 * round; i < 100 * (round + 1); i++) {
			snprintf(key, sizeof(key), "key%d", i);
			snprintf(value, sizeof(value), "value %d", i * i);
			assert_ok(store_put(batch(), text("b"), text(key),
			    text(value), 0));
		}
		commit();
	}
}

/* Data that was not committed is gone after an abort and after closing. */
TEST(test_abort)
{
	open_store();
	ck_assert(!store_batch_open(fx.store));
	store_abort(fx.store);
	assert_ok(store_create(batch(), text("b")));
	ck_assert(store_batch_open(fx.store));
	assert_ok(store_put(batch(), text("b"), text("k"), text("old"), 0));
	commit();
	ck_assert(!store_batch_open(fx.store));

	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_put(batch(), text("c"), text("k"), text("v"), 0));
	assert_ok(store_put(batch(), text("b"), text("k"), text("new"), 0));
	assert_ok(store_put(batch(), text("b"), text("l"), text("new"), 0));
	store_abort(fx.store);
	ck_assert(!store_batch_open(fx.store));
	assert_value(batch(), text("b"), text("k"), text("old"));
	assert_get(batch(), "b", "l", STORE_ABSENT);
	assert_get(batch(), "c", "k", STORE_NO_BUCKET);

	assert_ok(store_delete(batch(), text("b"), text("k")));
	close_store();
	open_store();
	assert_value(snapshot(), text("b"), text("k"), text("old"));
	assert_get(snapshot(), "c", "k", STORE_NO_BUCKET);
}

/* An id that an aborted batch took must not lead to another bucket later. */
TEST(test_abort_create)
{
	open_store();
	assert_ok(store_create(batch(), text("a")));
	store_abort(fx.store);
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_put(batch(), text("b"), text("k"), text("of b"), 0));
	assert_ok(store_create(batch(), text("a")));
	assert_get(batch(), "a", "k", STORE_ABSENT);
	commit();
	assert_get(snapshot(), "a", "k", STORE_ABSENT);
	assert_value(snapshot(), text("b"), text("k"), text("of b"));
}

TEST(test_snapshot_isolation)
{
	struct store_view *s, *w;

	open_store();
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_put(batch(), text("b"), text("k"), text("old"), 0));
	commit();
	s = snapshot();
	ck_assert_ptr_eq(snapshot(), s);
	w = batch();
	ck_assert_ptr_eq(batch(), w);
	ck_assert_ptr_ne(s, w);
	assert_value(s, text("b"), text("k"), text("old"));
	assert_ok(store_put(w, text("b"), text("k"), text("new"), 0));
	assert_ok(store_put(w, text("b"), text("l"), text("new"), 0));
	assert_ok(store_create(w, text("c")));
	assert_value(w, text("b"), text("k"), text("new"));
	assert_value(s, text("b"), text("k"), text("old"));
	assert_get(s, "b", "l", STORE_ABSENT);
	assert_ok(store_commit(fx.store));
	/* A snapshot shows the same data until it is released. */
	assert_value(s, text("b"), text("k"), text("old"));
	assert_get(s, "c", "k", STORE_NO_BUCKET);
	store_release(fx.store);
	store_release(fx.store);
	s = snapshot();
	assert_value(s, text("b"), text("k"), text("new"));
	assert_value(s, text("b"), text("l"), text("new"));
	assert_get(s, "c", "k", STORE_ABSENT);
}

/* A snapshot that is older than a bucket does not show the bucket, even if the
 * batch has created it and committed. */
TEST(test_snapshot_known_bucket)
{
	open_store();
	assert_get(snapshot(), "b", "k", STORE_NO_BUCKET);
	assert_ok(store_create(batch(), text("b")));
	assert_ok(store_commit(fx.store));
	assert_get(snapshot(), "b", "k", STORE_NO_BUCKET);
	store_release(fx.store);
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
}

static const size_t value_sizes[] = { 0, 1, 255, 256, 2000, 2040, 4000, 4076,
	4077, 4096, 65536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1 };

/* Two neighbouring values are rewritten in each of the sizes. */
TEST(test_value_size)
{
	size_t size = value_sizes[_i];
	uint8_t *p = make_value(size);
	struct bytes b = text("b"), k = text("k"), value = { p, size };

	open_store();
	assert_ok(store_create(batch(), b));
	assert_ok(store_put(batch(), b, text("j"), text("before"), 0));
	assert_ok(store_put(batch(), b, k, value, 0));
	assert_ok(store_put(batch(), b, text("l"), text("after"), 0));
	assert_value(batch(), b, k, value);
	commit();
	close_store();
	open_store();
	assert_value(snapshot(), b, text("j"), text("before"));
	assert_value(snapshot(), b, k, value);
	assert_value(snapshot(), b, text("l"), text("after"));
	assert_ok(store_put(batch(), b, k, text("small"), 0));
	commit();
	assert_value(snapshot(), b, k, text("small"));
	assert_ok(store_put(batch(), b, k, value, 0));
	commit();
	assert_value(snapshot(), b, k, value);
	free(p);
}

TEST(test_value_without_data)
{
	struct bytes b = text("b"), k = text("k"), none = { NULL, 0 };

	open_store();
	assert_ok(store_create(batch(), b));
	assert_ok(store_put(batch(), b, k, none, 0));
	commit();
	assert_value(snapshot(), b, k, none);
}

static const size_t name_sizes[] = { 1, 2, 254, 255 };
static const uint8_t name_bytes[] = { 0, 1, ' ', 'a', 0x7f, 0x80, 0xff };

/* Names have each size and each byte, for bucket and key at once. */
TEST(test_names)
{
	uint8_t name[255], value[2];
	size_t s, c;
	int round;

	open_store();
	for (round = 0; round < 2; round++)
		for (s = 0; s < COUNT(name_sizes); s++)
			for (c = 0; c < COUNT(name_bytes); c++) {
				struct bytes n = { name, name_sizes[s] };
				struct bytes v = { value, 2 };

				memset(name, name_bytes[c], sizeof(name));
				value[0] = (uint8_t)s;
				value[1] = (uint8_t)c;
				if (round == 0) {
					assert_ok(store_create(batch(), n));
					assert_ok(
					    store_put(batch(), n, n, v, 0));
				} else
					assert_value(batch(), n, n, v);
			}
	commit();
}

static const struct {
	struct bytes bucket, key;
} mix_table[] = {
	{ B("a"), B("bc") },
	{ B("ab"), B("c") },
	{ B("abc"), B("c") },
	{ B("a"), B("c") },
	{ B("a"), B("b") },
	{ B("A"), B("b") },
	{ B("a"), B("b\0") },
	{ B("a\0"), B("b") },
	{ B("a"), B("\0b") },
	{ B("\0\0\0\0\0\0\0\1"), B("b") },
	{ B("\0\0\0\0\0\0\0\2"), B("b") },
	{ B("b"), B("\0\0\0\0\0\0\0\1b") },
	{ B("\xff"), B("\xff") },
	{ B("\xff\xff"), B("\xff") },
	{ B("format"), B("format") },
	{ B("next-bucket"), B("outcomes") },
};

/* Writing or deleting in one bucket changes no other. */
TEST(test_buckets_do_not_mix)
{
	struct bytes value;
	struct store_entry got;
	uint8_t byte;
	size_t i, gone;

	open_store();
	for (i = 0; i < COUNT(mix_table); i++) {
		byte = (uint8_t)i;
		value = (struct bytes){ &byte, 1 };
		assert_ok(store_create(batch(), mix_table[i].bucket));
		assert_ok(store_put(batch(), mix_table[i].bucket,
		    mix_table[i].key, value, 0));
	}
	commit();
	for (gone = 0; gone < COUNT(mix_table); gone++) {
		assert_ok(store_delete(batch(), mix_table[gone].bucket,
		    mix_table[gone].key));
		commit();
		for (i = 0; i < COUNT(mix_table); i++) {
			byte = (uint8_t)i;
			value = (struct bytes){ &byte, 1 };
			if (i > gone)
				assert_value(snapshot(), mix_table[i].bucket,
				    mix_table[i].key, value);
			else
				ck_assert_int_eq(store_get(snapshot(),
						     mix_table[i].bucket,
						     mix_table[i].key, &got),
				    STORE_ABSENT);
		}
	}
}

static void
assert_outcome(struct store_view *v, uint64_t session, struct bytes want)
{
	struct bytes got = { NULL, 0 };

	assert_ok(store_get_outcome(v, session, &got));
	unit_assert_bytes(got, want);
}

static void
assert_no_outcome(struct store_view *v, uint64_t session)
{
	struct bytes got;

	ck_assert_int_eq(store_get_outcome(v, session, &got), STORE_ABSENT);
}

/* The sessions above `*session` must be these. */
static void
assert_sessions(struct store_view *v, uint64_t session, const uint64_t *want,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		assert_ok(store_next_outcome(v, &session));
		ck_assert_uint_eq(session, want[i]);
	}
	ck_assert_int_eq(store_next_outcome(v, &session), STORE_ABSENT);
}

TEST(test_outcome)
{
	uint8_t *large = make_value(100000);
	struct bytes want = { large, 100000 };

	open_store();
	assert_no_outcome(snapshot(), 5);
	assert_no_outcome(batch(), 5);
	assert_sessions(snapshot(), 0, NULL, 0);
	assert_sessions(batch(), UINT64_MAX, NULL, 0);
	assert_ok(store_put_outcome(batch(), 5, text("first")));
	assert_outcome(batch(), 5, text("first"));
	assert_no_outcome(snapshot(), 5);
	store_abort(fx.store);
	assert_no_outcome(batch(), 5);

	/* The outcome is in the same batch as the writes that it describes. */
	assert_ok(store_put_outcome(batch(), 5, want));
	assert_ok(store_create(batch(), text("b")));
	commit();
	close_store();
	open_store();
	assert_outcome(snapshot(), 5, want);
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	free(large);
}

/* The record gets longer, shorter, the same size and empty: twice in a batch,
 * and in two batches. */
TEST(test_outcome_overwrite)
{
	static const struct bytes records[] = { B("one"), B("the second"),
		B("3"), B("4"), B(""), B("5\0 "), { NULL, 0 }, B("last") };
	size_t i, n = COUNT(records);

	open_store();
	for (i = 0; i < 2 * n; i++) {
		assert_ok(store_put_outcome(batch(), 7, records[i % n]));
		assert_outcome(batch(), 7, records[i % n]);
		if (i < n) {
			commit();
			assert_outcome(snapshot(), 7, records[i]);
		}
	}
	commit();
	assert_outcome(snapshot(), 7, records[n - 1]);
}

TEST(test_outcome_delete)
{
	open_store();
	assert_ok(store_delete_outcome(batch(), 1));
	assert_ok(store_put_outcome(batch(), 1, text("one")));
	assert_ok(store_put_outcome(batch(), 2, text("two")));
	commit();
	assert_ok(store_delete_outcome(batch(), 1));
	assert_no_outcome(batch(), 1);
	assert_outcome(snapshot(), 1, text("one"));
	store_abort(fx.store);
	assert_outcome(batch(), 1, text("one"));

	assert_ok(store_delete_outcome(batch(), 1));
	assert_ok(store_delete_outcome(batch(), 1));
	assert_ok(store_delete_outcome(batch(), 3));
	commit();
	close_store();
	open_store();
	assert_no_outcome(snapshot(), 1);
	assert_outcome(snapshot(), 2, text("two"));
	assert_ok(store_put_outcome(batch(), 1, text("again")));
	commit();
	assert_outcome(snapshot(), 1, text("again"));
}

/* In bytes of some machines these numbers would sort in another order. */
static const uint64_t session_table[] = { 0, 1, 2, 255, 256, 257, UINT32_MAX,
	(uint64_t)UINT32_MAX + 1, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX - 1,
	UINT64_MAX };
#define N_SESSIONS COUNT(session_table)

static void
put_session(uint64_t session)
{
	struct bytes record = { &session, sizeof(session) };

	assert_ok(store_put_outcome(batch(), session, record));
}

TEST(test_outcome_next)
{
	const uint64_t *sessions = session_table;
	struct bytes record;
	uint64_t deleted;
	size_t i;

	open_store();
	for (i = 0; i < N_SESSIONS; i++)
		put_session(sessions[i * 5 % N_SESSIONS]);
	assert_sessions(batch(), 0, sessions + 1, N_SESSIONS - 1);
	assert_sessions(snapshot(), 0, NULL, 0);
	commit();
	close_store();
	open_store();
	for (i = 0; i < N_SESSIONS; i++) {
		record = (struct bytes){ &sessions[i], sizeof(*sessions) };
		assert_outcome(snapshot(), sessions[i], record);
		assert_sessions(snapshot(), sessions[i], sessions + i + 1,
		    N_SESSIONS - i - 1);
	}
	/* The search starts from numbers without a record. */
	assert_sessions(snapshot(), 3, sessions + 3, N_SESSIONS - 3);
	assert_sessions(snapshot(), 254, sessions + 3, N_SESSIONS - 3);
	assert_sessions(snapshot(), 258, sessions + 6, N_SESSIONS - 6);

	/* A caller may delete records while it iterates. */
	for (deleted = 0, i = 1; i < N_SESSIONS; i++) {
		assert_ok(store_next_outcome(batch(), &deleted));
		ck_assert_uint_eq(deleted, sessions[i]);
		assert_ok(store_delete_outcome(batch(), deleted));
	}
	assert_sessions(batch(), 0, NULL, 0);
	assert_outcome(batch(), 0, (struct bytes){ sessions, 8 });
}

/* When there is no next session, the number is unchanged. */
TEST(test_outcome_next_ends)
{
	uint64_t session;

	open_store();
	put_session(0);
	put_session(9);
	session = 9;
	ck_assert_int_eq(store_next_outcome(batch(), &session), STORE_ABSENT);
	ck_assert_uint_eq(session, 9);
	session = UINT64_MAX;
	ck_assert_int_eq(store_next_outcome(batch(), &session), STORE_ABSENT);
	ck_assert_uint_eq(session, UINT64_MAX);
}

/* There are more records than fit in a page. */
TEST(test_outcome_many)
{
	uint64_t session = 0, n = 5000, i;

	open_store();
	put_session(0);
	for (i = n; i > 0; i--)
		put_session(i * 3);
	commit();
	for (i = 1; i <= n; i++) {
		assert_ok(store_next_outcome(snapshot(), &session));
		ck_assert_uint_eq(session, i * 3);
	}
	ck_assert_int_eq(store_next_outcome(snapshot(), &session),
	    STORE_ABSENT);
}

static const struct {
	int sync_ms;
	bool unsynced;
} sync_table[] = { { STORE_SYNC_ALWAYS, false }, { STORE_SYNC_NEVER, true },
	{ 1, true }, { 1000, true } };

TEST(test_sync)
{
	bool unsynced = sync_table[_i].unsynced;
	int round;

	assert_ok(try_open(sync_table[_i].sync_ms));
	ck_assert(!store_unsynced(fx.store));
	for (round = 0; round < 2; round++) {
		assert_ok(store_create(batch(), text(round ? "b" : "c")));
		ck_assert(!store_unsynced(fx.store));
		commit();
		ck_assert_int_eq(store_unsynced(fx.store), unsynced);
		assert_ok(store_sync(fx.store));
		ck_assert(!store_unsynced(fx.store));
	}
	assert_ok(store_create(batch(), text("d")));
	store_abort(fx.store);
	ck_assert(!store_unsynced(fx.store));
}

/* Batches of 50 entries are repeated after growth until the file has grown
 * three times. */
TEST(test_grow)
{
	unsigned int i, n = 0, grown = 0;
	enum store_result result = STORE_OK;
	off_t before;

	open_with_bucket();
	while (grown < 3) {
		for (i = n; i < n + 50; i++)
			if ((result = put_filler(batch(), i, 1000)) != STORE_OK)
				break;
		if (result == STORE_OK)
			result = store_commit(fx.store);
		if (result == STORE_OK) {
			n += 50;
			continue;
		}
		ck_assert_int_eq(result, STORE_FULL);
		store_abort(fx.store);
		ck_assert(filler_is_absent(snapshot(), n));
		before = file_size();
		assert_ok(store_grow(fx.store));
		ck_assert_int_gt(file_size(), before);
		grown++;
	}
	for (i = 0; i < n; i++)
		assert_filler(snapshot(), i, 1000);
	close_store();
	open_store();
	for (i = 0; i < n; i++)
		assert_filler(snapshot(), i, 1000);
	ck_assert(filler_is_absent(snapshot(), n));
}

/* Growing ends the batch and the snapshot, and drops uncommitted data. */
TEST(test_grow_ends_views)
{
	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 0));
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	assert_ok(store_grow(fx.store));
	ck_assert(!store_batch_open(fx.store));
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 0));
	use_reserve(true);
	ck_assert(!store_batch_open(fx.store));
	assert_get(batch(), "b", "k", STORE_ABSENT);
	use_reserve(false);
	ck_assert(!store_batch_open(fx.store));
}

/* One value needs more than one step of growth. */
TEST(test_grow_for_large_value)
{
	size_t size = (size_t)12 << 20;
	uint8_t *p = make_value(size);
	struct bytes value = { p, size };
	enum store_result result;
	int grown = 0;

	fx.log_size = 8 * size;
	open_with_bucket();
	while ((result = store_put(batch(), text("b"), text("k"), value, 0)) ==
	    STORE_FULL) {
		ck_assert_int_lt(grown++, 10);
		assert_ok(store_grow(fx.store));
	}
	assert_ok(result);
	commit();
	ck_assert_int_gt(grown, 1);
	assert_value(snapshot(), text("b"), text("k"), value);
	free(p);
}

static const size_t fill_sizes[] = { 10, 1000, 5000 };

/*
 * On a full disk the reserve allows hundreds of deletes with a commit each.
 * After that there is room for puts, and then the disk gets larger.
 */
TEST(test_full_disk)
{
	size_t size = fill_sizes[_i];
	unsigned int n, i, deleted, more;

	open_with_bucket();
	n = fill_store(0, size);
	ck_assert_uint_gt(n, 300);
	limit_disk(file_size());
	ck_assert_int_eq(store_grow(fx.store), STORE_FULL);
	ck_assert_int_eq(store_grow(fx.store), STORE_FULL);
	ck_assert_int_eq(commit_filler(n, size), STORE_FULL);
	use_reserve(true);
	deleted = n < 900 ? n * 2 / 3 : 600;
	for (i = 0; i < deleted; i++)
		if (commit_delete(i) != STORE_OK)
			ck_abort_msg("delete %u of %u: full", i, n);
	use_reserve(false);
	more = deleted / 4;
	for (i = n; i < n + more; i++)
		if (commit_filler(i, size) != STORE_OK)
			ck_abort_msg("put %u after deletes: full", i - n);
	for (i = 0; i < deleted; i++)
		if (!filler_is_absent(snapshot(), i))
			ck_abort_msg("entry %u is still there", i);
	for (i = deleted; i < n + more; i++)
		assert_filler(snapshot(), i, size);
	ck_assert_int_eq(store_grow(fx.store), STORE_FULL);
	unlimit_disk();
	assert_ok(store_grow(fx.store));
	ck_assert_uint_ge(fill_store(n + more, size), n + more + n / 2);
	close_store();
	open_store();
	for (i = deleted; i < n + more + n / 2; i++)
		assert_filler(snapshot(), i, size);
}

/* Filling and deleting a little again and again does not use up the reserve. */
TEST(test_full_disk_again_and_again)
{
	size_t size = fill_sizes[_i];
	unsigned int first = 0, last, round, i;

	open_with_bucket();
	last = fill_store(0, size);
	limit_disk(file_size());
	for (round = 0; round < 200; round++) {
		ck_assert_int_eq(store_grow(fx.store), STORE_FULL);
		use_reserve(true);
		for (i = 0; i < 8; i++)
			if (commit_delete(first++) != STORE_OK)
				ck_abort_msg("round %u, delete %u: full", round,
				    i);
		use_reserve(false);
		last = fill_store(last, size);
	}
	for (i = first; i < last; i++)
		assert_filler(snapshot(), i, size);
}

/* The same holds if the store is opened again while the disk is full. */
TEST(test_full_disk_reopen)
{
	unsigned int n, i;

	open_with_bucket();
	n = fill_store(0, 1000);
	limit_disk(file_size());
	close_store();
	open_store();
	n = fill_for_good(n, 1000);
	ck_assert_int_eq(store_grow(fx.store), STORE_FULL);
	use_reserve(true);
	for (i = 0; i < 300; i++)
		ck_assert_int_eq(commit_delete(i), STORE_OK);
	close_store();
	open_store();
	for (i = 300; i < n; i++)
		assert_filler(snapshot(), i, 1000);
	store_release(fx.store);
	ck_assert_int_eq(commit_filler(n, 1000), STORE_OK);
}

/* A new store is made on a disk without room for the usual first step. */
TEST(test_full_disk_when_new)
{
	unsigned int n;

	limit_disk(1 << 20);
	open_store();
	if (store_create(batch(), text("b")) != STORE_OK ||
	    store_commit(fx.store) != STORE_OK) {
		store_abort(fx.store);
		unlimit_disk();
		assert_ok(store_grow(fx.store));
		assert_ok(store_create(batch(), text("b")));
		commit();
	}
	n = fill_store(0, 1000);
	unlimit_disk();
	assert_ok(store_grow(fx.store));
	ck_assert_int_eq(commit_filler(n, 1000), STORE_OK);
}

#define DAMAGE_VALUE "kvd-damage-test-value-0123456789-0123456789"
/* The checksum, expiry and revision take these bytes in front of a value. */
#define DAMAGE_HEADER 20

TEST(test_damaged_value)
{
	struct bytes value = text(DAMAGE_VALUE);
	struct store_entry got;

	make_store(DAMAGE_VALUE);
	damage(value, _i, (uint8_t)(1 << (_i & 7)));
	open_store();
	ck_assert_int_eq(store_get(snapshot(), text("b"), text("k"), &got),
	    STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "checksum"));
	ck_assert_int_eq(store_get(batch(), text("b"), text("k"), &got),
	    STORE_DAMAGED);
	/* The damaged entry can be deleted or written again. */
	assert_ok(store_put(batch(), text("b"), text("k"), text("new"), 0));
	commit();
	assert_value(snapshot(), text("b"), text("k"), text("new"));
}

TEST(test_damaged_value_deleted)
{
	make_store(DAMAGE_VALUE);
	damage(text(DAMAGE_VALUE), 0, 0xff);
	open_store();
	assert_get(snapshot(), "b", "k", STORE_DAMAGED);
	assert_ok(store_delete(batch(), text("b"), text("k")));
	commit();
	assert_get(snapshot(), "b", "k", STORE_ABSENT);
}

/* The value has its own pages; its first byte, a middle one or its last is
 * damaged. */
TEST(test_damaged_large_value)
{
	size_t size = 1 << 20;
	ssize_t at = _i == 0 ? 0 : _i == 1 ? 500000 : (ssize_t)size - 1;
	uint8_t *p = make_value(size);
	struct bytes value = { p, size };
	struct store_entry got;

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("j"), text("sound"), 0));
	assert_ok(store_put(batch(), text("b"), text("k"), value, 0));
	commit();
	close_store();
	damage((struct bytes){ p, 64 }, at, 1);
	open_store();
	ck_assert_int_eq(store_get(snapshot(), text("b"), text("k"), &got),
	    STORE_DAMAGED);
	assert_value(snapshot(), text("b"), text("j"), text("sound"));
	free(p);
}

/* An entry whose key is damaged is found under neither key. */
TEST(test_damaged_key)
{
	struct bytes key = text("kvd-damage-test-key"), other;
	struct store_entry got;
	char changed[32];

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), key, text("v"), 0));
	commit();
	close_store();
	memcpy(changed, key.data, key.size);
	changed[_i] ^= 1;
	other = (struct bytes){ changed, key.size };
	damage(key, _i, 1);
	open_store();
	ck_assert_int_eq(store_get(snapshot(), text("b"), key, &got),
	    STORE_ABSENT);
	ck_assert_int_eq(store_get(snapshot(), text("b"), other, &got),
	    STORE_DAMAGED);
}

/* Damage has moved this entry from bucket 1 to bucket 2. */
TEST(test_damaged_bucket_id)
{
	struct bytes key = text("kvd-damage-test-key");
	struct store_entry got;

	open_with_bucket();
	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_put(batch(), text("b"), key, text("v"), 0));
	commit();
	close_store();
	damage(key, -1, 1 ^ 2);
	open_store();
	ck_assert_int_eq(store_get(snapshot(), text("b"), key, &got),
	    STORE_ABSENT);
	ck_assert_int_eq(store_get(snapshot(), text("c"), key, &got),
	    STORE_DAMAGED);
}

/* The record of a bucket takes 20 bytes after its name. */
TEST(test_damaged_bucket)
{
	struct bytes name = text("kvd-damage-test-bucket");
	struct store_entry got;

	open_store();
	assert_ok(store_create(batch(), name));
	assert_ok(store_put(batch(), name, text("k"), text("v"), 0));
	commit();
	close_store();
	damage(name, (ssize_t)name.size + _i, 0x10);
	open_store();
	ck_assert_int_eq(store_get(snapshot(), name, text("k"), &got),
	    STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "checksum"));
	ck_assert_int_eq(store_put(batch(), name, text("k"), text("w"), 0),
	    STORE_DAMAGED);
	ck_assert_int_eq(store_delete(batch(), name, text("k")), STORE_DAMAGED);
	ck_assert_int_eq(store_create(batch(), name), STORE_DAMAGED);
}

/* A recorded outcome is preceded by its key and its checksum. */
#define DAMAGE_SUM 4
#define DAMAGE_SESSION 8

static void
make_damaged_outcome(ssize_t at, uint8_t bits)
{
	open_store();
	assert_ok(store_put_outcome(batch(), 0, text(DAMAGE_VALUE)));
	assert_ok(store_put_outcome(batch(), UINT64_MAX, text("sound")));
	commit();
	close_store();
	damage(text(DAMAGE_VALUE), at, bits);
	open_store();
	assert_outcome(snapshot(), UINT64_MAX, text("sound"));
}

TEST(test_damaged_outcome)
{
	struct bytes got;
	uint64_t last = UINT64_MAX;

	make_damaged_outcome(_i, (uint8_t)(1 << (_i & 7)));
	ck_assert_int_eq(store_get_outcome(snapshot(), 0, &got), STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "checksum"));
	ck_assert_int_eq(store_get_outcome(batch(), 0, &got), STORE_DAMAGED);
	/* The search skips the damaged record, which can be deleted or written
	 * again. */
	assert_sessions(snapshot(), 0, &last, 1);
	if (_i & 1)
		assert_ok(store_delete_outcome(batch(), 0));
	assert_ok(store_put_outcome(batch(), 0, text("new")));
	commit();
	assert_outcome(snapshot(), 0, text("new"));
}

/* Damage has given this record to another session. */
TEST(test_damaged_outcome_session)
{
	uint64_t other = (uint64_t)1 << (8 * _i);
	struct bytes got;

	make_damaged_outcome(-DAMAGE_SUM - 1 - _i, 1);
	assert_no_outcome(snapshot(), 0);
	ck_assert_int_eq(store_get_outcome(snapshot(), other, &got),
	    STORE_DAMAGED);
}

/* This starts a child that owns the directory until it is killed. */
static void
fork_owner(void)
{
	int ready[2];
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	if ((fx.owner = test_fork()) == 0) {
		(void)close(ready[0]);
		if (try_open(STORE_SYNC_ALWAYS) != STORE_OK ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
}

TEST(test_locked)
{
	char owner[32];

	make_store("v");
	fork_owner();
	snprintf(owner, sizeof(owner), "(pid %ld)", (long)fx.owner);
	assert_refused(owner);
	assert_refused("in use");
	/* The refused process must not have changed the owner's record. */
	assert_refused(owner);
	ck_assert_int_eq(kill(fx.owner, SIGKILL), 0);
	ck_assert_int_eq(waitpid(fx.owner, NULL, 0), fx.owner);
	fx.owner = 0;
	open_store();
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

/* The owner was killed, and the kernel may still hold its lock. */
TEST(test_locked_by_dying)
{
	make_store("v");
	fork_owner();
	ck_assert_int_eq(kill(fx.owner, SIGKILL), 0);
	assert_ok(try_open_waiting(STORE_SYNC_ALWAYS, 10000));
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

/* The same process cannot own the directory twice. */
TEST(test_locked_by_self)
{
	struct store_options o = { .dir = fx.dir, .create = true };
	struct store *second;

	open_store();
	ck_assert_int_eq(store_open(&second, &o), STORE_REFUSED);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_nonnull(strstr(store_error(second), "in use"));
	store_close(second);
	assert_ok(store_create(batch(), text("b")));
	commit();
}

/* A second process that wants the directory is told who owns it. */
static void
refuse_second(long owner_pid)
{
	struct store_options o = { .dir = fx.dir, .create = true };
	struct store *second;
	char owner[64];

	snprintf(owner, sizeof(owner), "(pid %ld)", owner_pid);
	ck_assert_int_eq(store_open(&second, &o), STORE_REFUSED);
	if (strstr(store_error(second), owner) == NULL)
		ck_abort_msg("no \"%s\" in: %s", owner, store_error(second));
	store_close(second);
}

/* Each owner writes its pid over the previous one in a field of fixed size. */
static const long pid_table[] = { 1, 4711, 1234567, 42, LONG_MAX, 7 };

TEST(test_lock_pid)
{
	struct store_options o = { .dir = fx.dir,
		.create = true,
		.sync_ms = STORE_SYNC_NEVER };
	char lock[sizeof(fx.file)];
	struct stat st;
	size_t i;

	snprintf(lock, sizeof(lock), "%s/lock", fx.dir);
	for (i = 0; i < COUNT(pid_table); i++) {
		o.owner_pid = pid_table[i];
		assert_ok(store_open(&fx.store, &o));
		ck_assert_int_eq(stat(lock, &st), 0);
		ck_assert_int_eq(st.st_size, 21);
		refuse_second(pid_table[i]);
		close_store();
	}
}

static const struct {
	struct bytes record; /* No data means that there is no record. */
	const char *word; /* The error contains this word. */
} format_table[] = {
	{ B("\5\0\0\0"), "data format 5," },
	{ B("\0\0\0\0"), "data format 0," },
	{ B("\0\0\0\1"), "data format 16777216," },
	{ B("\xff\xff\xff\xff"), "data format 4294967295," },
	{ B(""), "not a kvd store" },
	{ B("\1\0\0"), "not a kvd store" },
	{ B("\1\0\0\0\0\0\0\0"), "not a kvd store" },
	{ { NULL, 0 }, "not a kvd store" },
};

TEST(test_other_format)
{
	const struct bytes *record = &format_table[_i].record;
	struct bytes good = B("\4\0\0\0");

	make_store("v");
	put_raw("meta", "format", record->data == NULL ? NULL : record);
	assert_refused(format_table[_i].word);
	close_store();
	/* The refused store was not changed. */
	put_raw("meta", "format", &good);
	open_store();
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

TEST(test_other_program)
{
	struct bytes value = text("theirs");

	switch (_i) {
	case 0:
		put_raw(NULL, "key", &value);
		break;
	/* This is a plain record with the name of one of our databases. */
	case 1:
		put_raw(NULL, "meta", &value);
		break;
	case 2:
		put_raw("theirs", "format", &value);
		break;
	default:
		put_raw("meta", "version", &value);
		break;
	}
	assert_refused("not a kvd store");
}

/* The format is correct, but a database is missing. */
TEST(test_missing_database)
{
	struct bytes format = B("\4\0\0\0");

	put_raw("meta", "format", &format);
	assert_refused("restore the data directory from a backup");
}

/* LMDB takes the file for one of another LMDB's. */
TEST(test_other_version)
{
	make_store("v");
	damage((struct bytes)B("\xde\xc0\xef\xbe"), 4, 2);
	assert_refused("restore the data directory from a backup");
}

static void
write_file(const void *data, size_t size)
{
	int fd;

	ck_assert(mkdir(fx.dir, 0700) == 0 || errno == EEXIST);
	fd = open(fx.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	(void)close(fd);
}

static const size_t garbage_sizes[] = { 1, 100, 151, 152, 4095, 4096, 8192,
	100000 };

TEST(test_garbage)
{
	size_t size = garbage_sizes[_i];
	uint8_t *p = make_value(size), *after;
	size_t after_size;

	write_file(p, size);
	assert_refused("data.mdb");
	close_store();
	/* The file may belong to another program, so it must be unchanged. */
	after = read_file(&after_size);
	unit_assert_bytes(((struct bytes){ after, after_size }),
	    ((struct bytes){ p, size }));
	memset(p, 0, size);
	write_file(p, size);
	assert_refused("data.mdb");
	free(after);
	free(p);
}

/* This opens and reads the store in a child, which must not be killed by a bad
 * file. */
static int
open_in_child(void)
{
	struct store_view *v;
	struct store_entry got;
	enum store_result result;
	int status;
	pid_t pid = test_fork();

	if (pid == 0) {
		(void)signal(SIGBUS, SIG_DFL);
		(void)signal(SIGSEGV, SIG_DFL);
		result = try_open(STORE_SYNC_ALWAYS);
		if (result == STORE_OK)
			result = store_snapshot(fx.store, &v);
		if (result == STORE_OK)
			result =
			    store_get(v, text("b"), text("00000000"), &got);
		_exit((int)result);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/*
 * The file is truncated, as by an interrupted copy.  Missing pages must not
 * read as absent keys, and must not be filled with zeros and used.
 */
static const off_t cut_pages[] = { 1, 2, 3, 4, 6, 10, 50, 700 };

TEST(test_cut_short)
{
	int status;

	open_with_bucket();
	(void)fill_store(0, 1000);
	close_store();
	ck_assert_int_gt(file_size(), 1024 * 4096 - 1);
	ck_assert_int_eq(truncate(fx.file, cut_pages[_i] * 4096), 0);
	status = open_in_child();
	if (WIFSIGNALED(status))
		ck_abort_msg("killed by signal %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), STORE_REFUSED);
}

/* Only space that was allocated in advance is missing, so nothing is lost. */
TEST(test_cut_unused)
{
	unsigned int n, i;
	off_t size;

	open_with_bucket();
	n = fill_store(0, 1000);
	close_store();
	size = file_size();
	ck_assert_int_eq(truncate(fx.file, size - (1 << 20)), 0);
	open_store();
	for (i = 0; i < n; i++)
		assert_filler(snapshot(), i, 1000);
	ck_assert_int_ge(file_size(), size - (1 << 20));
}

TEST(test_missing_parent)
{
	struct stat st;

	strlcat(fx.dir, "/data", sizeof(fx.dir));
	assert_refused("No such file or directory");
	*strrchr(fx.dir, '/') = '\0';
	ck_assert_int_eq(stat(fx.dir, &st), -1);
}

TEST(test_not_a_directory)
{
	int fd = open(fx.dir, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	assert_refused("not a directory");
}

TEST(test_lock_is_a_directory)
{
	char lock[sizeof(fx.file)];

	ck_assert_int_eq(mkdir(fx.dir, 0700), 0);
	snprintf(lock, sizeof(lock), "%s/lock", fx.dir);
	ck_assert_int_eq(mkdir(lock, 0700), 0);
	assert_refused("lock");
}

TEST(test_no_rights)
{
	/* Root may access everything, so this test would prove nothing. */
	if (geteuid() == 0)
		return;
	make_store("v");
	ck_assert_int_eq(chmod(fx.dir, 0), 0);
	ck_assert_int_eq(try_open(STORE_SYNC_ALWAYS), STORE_REFUSED);
	ck_assert_int_eq(chmod(fx.dir, 0700), 0);
}

/*
 * A directory or file is removed, emptied or exchanged while kvd runs, and the
 * registry is restarted afterwards.
 */

static uint64_t identity[2];

/* This opens the existing store as a restarted registry does. */
static enum store_result
try_restart(void)
{
	struct store_options o = { .dir = fx.dir,
		.identity = { identity[0], identity[1] },
		.sync_ms = STORE_SYNC_NEVER };

	store_close(fx.store);
	return store_open(&fx.store, &o);
}

static void
refuse_restart(const char *word)
{
	ck_assert_int_eq(try_restart(), STORE_REFUSED);
	if (strstr(store_error(fx.store), word) == NULL)
		ck_abort_msg("no \"%s\" in: %s", word, store_error(fx.store));
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), fx.dir));
	close_store();
}

/* This makes a store with an identity, and closes it. */
static void
begin_store(void)
{
	make_store("v");
	open_store();
	store_identity(fx.store, identity);
	close_store();
	ck_assert_uint_ne(identity[1], 0);
	assert_ok(try_restart());
	assert_value(snapshot(), text("b"), text("k"), text("v"));
	close_store();
}

static const char *
beside(const char *name)
{
	static char paths[2][sizeof(fx.file)];
	static unsigned int next;
	char *path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", fx.dir, name);
	return path;
}

TEST(test_directory_gone)
{
	char away[sizeof(fx.dir) + 8];

	begin_store();
	snprintf(away, sizeof(away), "%s.away", fx.dir);
	ck_assert_int_eq(rename(fx.dir, away), 0);
	refuse_restart("has gone while kvd runs");
	ck_assert_int_eq(access(fx.dir, F_OK), -1);
	/* The directory may be an empty mount point, so no store is created in
	 * it. */
	ck_assert_int_eq(mkdir(fx.dir, 0700), 0);
	refuse_restart("data.mdb has gone while kvd runs");
	ck_assert_int_eq(access(fx.file, F_OK), -1);
	ck_assert_int_eq(rmdir(fx.dir), 0);
	ck_assert_int_eq(rename(away, fx.dir), 0);
	assert_ok(try_restart());
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

TEST(test_file_gone)
{
	begin_store();
	ck_assert_int_eq(unlink(fx.file), 0);
	refuse_restart("data.mdb has gone while kvd runs");
	ck_assert_int_eq(access(fx.file, F_OK), -1);
}

/* The file is empty, or it is a new LMDB file without buckets. */
TEST(test_file_emptied)
{
	begin_store();
	if (_i == 0) {
		ck_assert_int_eq(truncate(fx.file, 0), 0);
		refuse_restart("data.mdb has gone while kvd runs");
	} else {
		ck_assert_int_eq(unlink(fx.file), 0);
		mdb_env_close(open_raw());
		identity[0] = identity[1] = 0;
		refuse_restart("all that it held has gone");
	}
}

/* The store is not the one with which kvd began. */
TEST(test_exchanged)
{
	char away[sizeof(fx.dir) + 8];

	begin_store();
	snprintf(away, sizeof(away), "%s.away", fx.dir);
	if (_i == 0) {
		ck_assert_int_eq(rename(fx.dir, away), 0);
	} else {
		ck_assert_int_eq(rename(fx.file, away), 0);
		ck_assert_int_eq(unlink(beside("log.1")), 0);
		ck_assert_int_eq(unlink(beside("log.2")), 0);
	}
	make_store("another");
	refuse_restart("another store");
	identity[0] = identity[1] = 0;
	assert_ok(try_restart());
	assert_value(snapshot(), text("b"), text("k"), text("another"));
}

/* If the lock file or the data file is removed or exchanged, the store stays
 * locked. */
TEST(test_lock_swept)
{
	int fd;

	make_store("v");
	fork_owner();
	ck_assert_int_eq(unlink(beside("lock")), 0);
	if (_i == 1) {
		fd = creat(beside("lock"), 0600);
		ck_assert_int_ge(fd, 0);
		(void)close(fd);
	}
	if (_i == 2)
		ck_assert_int_eq(rename(fx.file, beside("moved")), 0);
	assert_refused("in use");
}

/* An older kvd locks only the file. */
TEST(test_lock_of_older)
{
	int fd;

	make_store("v");
	fd = open(beside("lock"), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_refused("in use");
	(void)close(fd);
	assert_ok(try_open(STORE_SYNC_ALWAYS));
}

TEST(test_writable_by_others)
{
	make_store("v");
	ck_assert_int_eq(chmod(fx.dir, 0777), 0);
	assert_refused("chmod");
	ck_assert_int_eq(chmod(fx.dir, 0700), 0);
	open_store();
}

/* The name of the store is made durable all the same. */
TEST(test_parent_not_readable)
{
	char *slash;

	slash = strrchr(fx.dir, '/');
	*slash = '\0';
	ck_assert_int_eq(chmod(fx.dir, 0311), 0);
	*slash = '/';
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	*slash = '\0';
	ck_assert_int_eq(chmod(fx.dir, 0700), 0);
	*slash = '/';
}

/* A shortage of descriptors is temporary; nobody has to repair anything. */
TEST(test_shortage)
{
	struct rlimit old, few;
	int fd;

	make_store("v");
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)fd + (rlim_t)_i;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(try_open(STORE_SYNC_ALWAYS), STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), strerror(EMFILE)));
	close_store();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	open_store();
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

/* This checks the counters with several buckets, aborts and reopening. */
TEST(test_count)
{
	static const char *const buckets[] = { "a", "b", "c" };
	static const char *const keys[] = { "0", "1", "2", "3", "4", "5" };
	bool there[3][6] = { { false } }, before[3][6];
	uint64_t state = 99, count, got;
	uint32_t r;
	size_t i, j;
	int round;

	open_store();
	for (i = 0; i < 3; i++)
		assert_ok(store_create(batch(), text(buckets[i])));
	commit();
	memcpy(before, there, sizeof(there));
	for (round = 0; round < 2000; round++) {
		r = unit_random(&state);
		i = r % 3;
		j = r / 3 % 6;
		if (r >> 16 & 1)
			assert_ok(store_put(batch(), text(buckets[i]),
			    text(keys[j]), text("v"), 0));
		else
			ck_assert_int_eq(store_delete(batch(), text(buckets[i]),
					     text(keys[j])),
			    there[i][j] ? STORE_OK : STORE_ABSENT);
		there[i][j] = r >> 16 & 1;
		if ((r >> 20) % 8 == 0) {
			store_abort(fx.store);
			memcpy(there, before, sizeof(there));
		} else if ((r >> 20) % 8 == 1) {
			commit();
			memcpy(before, there, sizeof(there));
		} else if ((r >> 20) % 8 == 2)
			assert_get(batch(), "none", "k", STORE_NO_BUCKET);
	}
	if (store_batch_open(fx.store))
		commit();
	close_store();
	open_store();
	for (i = 0; i < 3; i++) {
		count = 0;
		for (j = 0; j < 6; j++)
			count += there[i][j];
		assert_ok(store_count(snapshot(), text(buckets[i]), &got));
		ck_assert_uint_eq(got, count);
	}
}

static const struct test tests[] = {
	STORE_CASE("data"),
	ONCE(test_empty),
	ONCE(test_close_null),
	ONCE(test_put_get_delete),
	ONCE(test_create_again),
	ONCE(test_reopen),
	ONCE(test_abort),
	ONCE(test_abort_create),
	ONCE(test_snapshot_isolation),
	ONCE(test_snapshot_known_bucket),
	EACH(test_value_size, value_sizes),
	ONCE(test_value_without_data),
	ONCE(test_names),
	ONCE(test_buckets_do_not_mix),
	ONCE(test_outcome),
	ONCE(test_outcome_overwrite),
	ONCE(test_outcome_delete),
	ONCE(test_outcome_next),
	ONCE(test_outcome_next_ends),
	ONCE(test_outcome_many),
	ONCE(test_count),
	EACH(test_sync, sync_table),
	STORE_CASE("room"),
	ONCE(test_grow),
	ONCE(test_grow_ends_views),
	ONCE(test_grow_for_large_value),
	LOOP_FROM(test_full_disk, 1, COUNT(fill_sizes)),
	LOOP_FROM(test_full_disk_again_and_again, 1, COUNT(fill_sizes)),
	ONCE(test_full_disk_reopen),
	ONCE(test_full_disk_when_new),
	STORE_CASE("damage"),
	LOOP_FROM(test_damaged_value, -DAMAGE_HEADER, sizeof(DAMAGE_VALUE) - 1),
	ONCE(test_damaged_value_deleted),
	LOOP(test_damaged_large_value, 3),
	LOOP(test_damaged_key, 19),
	ONCE(test_damaged_bucket_id),
	LOOP(test_damaged_bucket, 20),
	LOOP_FROM(test_damaged_outcome, -DAMAGE_SUM, sizeof(DAMAGE_VALUE) - 1),
	LOOP(test_damaged_outcome_session, DAMAGE_SESSION),
	EACH(test_cut_short, cut_pages),
	ONCE(test_cut_unused),
	STORE_CASE("refused"),
	ONCE(test_locked),
	ONCE(test_locked_by_dying),
	ONCE(test_locked_by_self),
	ONCE(test_lock_pid),
	LOOP(test_shortage, 4),
	EACH(test_other_format, format_table),
	LOOP(test_other_program, 4),
	ONCE(test_missing_database),
	ONCE(test_other_version),
	EACH(test_garbage, garbage_sizes),
	ONCE(test_missing_parent),
	ONCE(test_not_a_directory),
	ONCE(test_lock_is_a_directory),
	ONCE(test_no_rights),
	ONCE(test_directory_gone),
	ONCE(test_file_gone),
	LOOP(test_file_emptied, 2),
	LOOP(test_exchanged, 2),
	LOOP(test_lock_swept, 3),
	ONCE(test_lock_of_older),
	ONCE(test_writable_by_others),
	ONCE(test_parent_not_readable),
};

SUITE("store", tests)
