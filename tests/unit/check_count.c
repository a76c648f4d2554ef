/*
 * check_count: these tests check that the entries of a bucket are counted
 * exactly, although a put does not look whether there is one already: whatever
 * is folded meanwhile, and wherever a fold is cut off.
 */

#include "unit.h"

#include <stdio.h>

#include "store/segment.h"
#include "store_fixture.h"

#define KEYS 24
#define ROUNDS 60

static uint64_t dice;

static uint32_t
below(uint32_t n)
{
	return unit_random(&dice) % n;
}

static struct bytes
name_of(char *buffer, size_t size, const char *what, unsigned int i)
{
	snprintf(buffer, size, "%s%04u", what, i);
	return text(buffer);
}

static void
create(struct bytes bucket)
{
	assert_ok(store_create(batch(), bucket));
}

static void
put(struct bytes bucket, unsigned int i, int64_t expiry_ms)
{
	char key[16];

	assert_ok(store_put(batch(), bucket, name_of(key, sizeof(key), "k", i),
	    text("value"), expiry_ms));
}

static void
put_all(struct bytes bucket, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		put(bucket, i, 0);
	commit();
}

static void
assert_count(struct store_view *v, struct bytes bucket, uint64_t want)
{
	uint64_t count = 0;

	assert_ok(store_count(v, bucket, &count));
	ck_assert_uint_eq(count, want);
}

static bool
settle(struct bytes bucket, size_t max)
{
	size_t left = max;
	bool settled;

	assert_ok(store_settle(snapshot(), bucket, &left, &settled));
	store_release(fx.store);
	ck_assert(settled || left == 0);
	return settled;
}

static uint64_t
keys_in_stats(void)
{
	struct store_stats st;

	assert_ok(store_stats(snapshot(), &st));
	store_release(fx.store);
	return st.keys;
}

static void
seal(void)
{
	uint64_t generation;

	assert_ok(store_request_checkpoint(fx.store, &generation));
}

/* A fold of a few keys, if there is something to fold. */
static void
fold(size_t max)
{
	bool more;

	assert_ok(store_fold(fx.store, max, &more));
}

static void
reopen(void)
{
	store_close(fx.store);
	fx.store = NULL;
	open_store();
}

/* Some keys are there, and some are put or deleted; returns how many there are
 * then. */
static unsigned int
put_some(struct bytes bucket, bool there[KEYS])
{
	unsigned int i, n = 0;
	char key[16];

	for (i = 0; i < KEYS; i++) {
		if (below(2) == 0) {
			put(bucket, i, 0);
			there[i] = true;
		} else if (below(4) == 0 && there[i]) {
			name_of(key, sizeof(key), "k", i);
			assert_ok(store_delete(batch(), bucket, text(key)));
			there[i] = false;
		}
		n += there[i];
	}
	commit();
	return n;
}

/* The bucket is counted bit by bit while it is folded bit by bit; either may
 * overtake the other, or come back after a restart. */
static void
count_and_fold(struct bytes bucket, unsigned int want)
{
	struct store_view *pin;
	bool settled = false;

	assert_ok(store_pin(fx.store, &pin));
	while (!settled) {
		switch (below(8)) {
		case 0:
		case 1:
		case 2:
			settled = settle(bucket, 1 + below(4));
			break;
		case 3:
			assert_count(pin, bucket, want);
			break;
		case 4:
			seal();
			break;
		default:
			fold(1 + below(5));
		}
	}
	assert_count(snapshot(), bucket, want);
	assert_count(pin, bucket, want);
	store_unpin(pin);
	store_release(fx.store);
}

TEST(test_fold_meanwhile)
{
	bool there[KEYS];
	unsigned int i, n;
	char buffer[16];
	struct bytes bucket;

	dice = 1 + (uint64_t)_i;
	open_store();
	for (i = 0; i < ROUNDS; i++) {
		bucket = name_of(buffer, sizeof(buffer), "b", below(1000));
		memset(there, 0, sizeof(there));
		create(bucket);
		(void)put_some(bucket, there);
		assert_ok(store_checkpoint(fx.store));
		n = put_some(bucket, there);
		if (below(2) == 0)
			seal();
		if (below(2) == 0)
			n = put_some(bucket, there);
		count_and_fold(bucket, n);
		/* Puts look now, as long as the bucket is counted. */
		n = put_some(bucket, there);
		assert_count(snapshot(), bucket, n);
		if (below(2) == 0)
			reopen();
		assert_count(snapshot(), bucket, n);
		store_release(fx.store);
		assert_ok(store_drop(batch(), bucket));
		commit();
	}
}

/* Wherever a fold is cut off, the next one counts what is left, and no put
 * twice. */
TEST(test_cut_off)
{
	unsigned int cut, i;

	open_with_bucket();
	put_all(text("b"), 8);
	assert_ok(store_checkpoint(fx.store));
	for (cut = 0; cut < 16; cut++) {
		put_all(text("b"), 12);
		seal();
		for (i = 0; i < cut; i++)
			fold(1);
		reopen();
		assert_count(snapshot(), text("b"), 12);
		store_release(fx.store);
		assert_ok(store_checkpoint(fx.store));
		assert_count(snapshot(), text("b"), 12);
		store_release(fx.store);
		ck_assert_uint_eq(keys_in_stats(), 12);
	}
}

TEST(test_steps)
{
	unsigned int steps;

	open_with_bucket();
	put_all(text("b"), 100);
	assert_ok(store_checkpoint(fx.store));
	put_all(text("b"), 100);
	ck_assert_uint_eq(keys_in_stats(), 200);
	for (steps = 1; !settle(text("b"), 7); steps++)
		;
	ck_assert_uint_eq(steps, 15);
	assert_count(snapshot(), text("b"), 100);
	store_release(fx.store);
	ck_assert(settle(text("b"), 0));
	assert_ok(store_checkpoint(fx.store));
	ck_assert_uint_eq(keys_in_stats(), 100);
}

/* What is not committed yet may be taken back. */
TEST(test_open_batch)
{
	size_t left = 10;
	bool settled;

	open_with_bucket();
	put_all(text("b"), 3);
	put(text("b"), 7, 0);
	assert_ok(store_settle(snapshot(), text("b"), &left, &settled));
	ck_assert(!settled);
	ck_assert_uint_eq(left, 10);
	assert_count(batch(), text("b"), 4);
	store_abort(fx.store);
	store_release(fx.store);
	ck_assert(settle(text("b"), 10));
	put(text("b"), 7, 0);
	store_save(fx.store);
	put(text("b"), 8, 0);
	put(text("b"), 1, 0);
	assert_count(batch(), text("b"), 5);
	store_undo(fx.store);
	assert_count(batch(), text("b"), 4);
	commit();
	assert_count(snapshot(), text("b"), 4);
}

/* Without puts in the log there is nothing to settle, and nothing to wait
 * for. */
TEST(test_nothing_to_do)
{
	size_t left = 0;
	bool settled;

	open_with_bucket();
	put_all(text("b"), 3);
	create(text("other"));
	commit();
	assert_ok(store_checkpoint(fx.store));
	put_all(text("other"), 3);
	ck_assert(settle(text("b"), 0));
	ck_assert(!settle(text("other"), 0));
	ck_assert_int_eq(
	    store_settle(snapshot(), text("none"), &left, &settled),
	    STORE_NO_BUCKET);
}

/* Once nobody counts it any more, puts to a bucket do not look. */
TEST(test_nobody_counts)
{
	open_with_bucket();
	put_all(text("b"), 10);
	assert_ok(store_checkpoint(fx.store));
	put(text("b"), 0, 0);
	commit();
	ck_assert(settle(text("b"), 100));
	put_all(text("b"), 10);
	ck_assert_uint_eq(keys_in_stats(), 11);
	assert_ok(store_checkpoint(fx.store));
	put_all(text("b"), 10);
	ck_assert_uint_eq(keys_in_stats(), 10);
	assert_ok(store_checkpoint(fx.store));
	put_all(text("b"), 10);
	ck_assert_uint_eq(keys_in_stats(), 20);
	assert_count(snapshot(), text("b"), 10);
}

/* More buckets than the store remembers. */
TEST(test_many_buckets)
{
	char buffer[16];
	unsigned int i, pass;
	struct bytes bucket;

	open_store();
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < 1100; i++) {
			bucket = name_of(buffer, sizeof(buffer), "b", i);
			create(bucket);
			put(bucket, 1, 0);
			put(bucket, 2 + pass, 0);
		}
		commit();
		if (pass == 0)
			assert_ok(store_checkpoint(fx.store));
	}
	for (i = 0; i < 1100; i++)
		ck_assert(settle(name_of(buffer, sizeof(buffer), "b", i), 2));
	for (i = 0; i < 1100; i++)
		assert_count(snapshot(),
		    name_of(buffer, sizeof(buffer), "b", i), 3);
}

static unsigned int n_removed;

static void
removed(void *arg, struct bytes bucket, struct bytes key)
{
	(void)arg;
	(void)bucket;
	(void)key;
	n_removed++;
}

static unsigned int
expire(void)
{
	bool more;

	n_removed = 0;
	assert_ok(store_expire(batch(), 100, removed, NULL, &more));
	ck_assert(!more);
	commit();
	return n_removed;
}

enum then {
	THEN_FOLDED = 1, /* before the old expiry comes */
	THEN_DELETED = 2,
};

static const struct {
	int64_t expiry_ms; /* of the put */
	int then;
	unsigned int left; /* at the old expiry, of one key */
} over[] = {
	{ 0, 0, 1 },
	{ 0, THEN_FOLDED, 1 },
	{ 0, THEN_DELETED, 0 },
	{ 0, THEN_DELETED | THEN_FOLDED, 0 },
	{ 200, 0, 1 },
	{ 200, THEN_FOLDED, 1 },
	{ 100, 0, 0 },
	{ 100, THEN_FOLDED, 0 },
	{ 50, 0, 0 },
	{ 50, THEN_FOLDED, 0 },
};

/* A put over an entry that would expire, and that it does not see: it is not
 * removed in place of that. */
TEST(test_old_expiry)
{
	unsigned int left = over[_i].left;
	struct store_stats st;

	open_with_bucket();
	store_set_now(fx.store, 1);
	put(text("b"), 1, 100);
	commit();
	assert_ok(store_checkpoint(fx.store));
	put(text("b"), 1, over[_i].expiry_ms);
	if (over[_i].then & THEN_DELETED)
		assert_ok(store_delete(batch(), text("b"), text("k0001")));
	commit();
	if (over[_i].then & THEN_FOLDED)
		assert_ok(store_checkpoint(fx.store));
	store_set_now(fx.store, 100);
	assert_count(snapshot(), text("b"), left);
	store_release(fx.store);
	ck_assert_uint_eq(expire(),
	    left == 0 && !(over[_i].then & THEN_DELETED));
	assert_count(snapshot(), text("b"), left);
	store_release(fx.store);
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_stats(snapshot(), &st));
	ck_assert_uint_eq(st.keys, left);
	ck_assert_uint_eq(st.expiring, over[_i].expiry_ms > 100);
	store_release(fx.store);
	store_set_now(fx.store, 200);
	ck_assert_uint_eq(expire(), over[_i].expiry_ms == 200);
}

/* A row whose checksum does not match goes alone.  Its entry is one of the
 * bucket's then, until it is put again. */
TEST(test_damaged_expiry)
{
	struct bytes row = B("\0\0\0\0\0\0\0\144\0\0\0\0\0\0\0\1k0001");
	bool more;

	open_with_bucket();
	store_set_now(fx.store, 1);
	put(text("b"), 1, 100);
	put(text("b"), 2, 0);
	commit();
	close_store();
	damage(row, (ssize_t)row.size, 1);
	open_store();
	store_set_now(fx.store, 100);
	ck_assert(settle(text("b"), 100));
	assert_count(snapshot(), text("b"), 1);
	ck_assert_int_eq(store_expire(batch(), 10, removed, NULL, &more),
	    STORE_DAMAGED);
	commit();
	ck_assert(settle(text("b"), 100));
	assert_count(snapshot(), text("b"), 2);
	store_release(fx.store);
	put(text("b"), 1, _i == 0 ? 0 : 50);
	commit();
	ck_assert(settle(text("b"), 100));
	assert_count(snapshot(), text("b"), _i == 0 ? 2 : 1);
}

/* The bucket had fewer entries than it seemed when it was dropped. */
TEST(test_drop)
{
	struct store_stats st;
	bool more = true;

	open_with_bucket();
	create(text("c"));
	put_all(text("c"), 5);
	put_all(text("b"), 50);
	assert_ok(store_checkpoint(fx.store));
	put_all(text("b"), 50);
	assert_ok(store_checkpoint(fx.store));
	put_all(text("b"), 30);
	assert_ok(store_drop(batch(), text("b")));
	create(text("b"));
	put(text("b"), 1, 0);
	assert_count(batch(), text("b"), 1);
	commit();
	assert_ok(store_checkpoint(fx.store));
	while (more)
		assert_ok(store_purge(fx.store, 7, &more));
	assert_ok(store_stats(snapshot(), &st));
	ck_assert_uint_eq(st.keys, 6);
	ck_assert_uint_eq(st.dropped, 0);
	assert_count(snapshot(), text("b"), 1);
}

/* Where there is no space for one more entry, one may still be replaced. */
TEST(test_full)
{
	unsigned int n;

	open_with_bucket();
	limit_disk(file_size());
	n = fill_for_good(0, 1000);
	ck_assert_uint_gt(n, 10);
	reopen();
	assert_ok(store_checkpoint(fx.store));
	ck_assert_int_eq(commit_filler(n, 1000), STORE_FULL);
	ck_assert_int_eq(commit_filler(1, 1000), STORE_OK);
	assert_count(snapshot(), text("b"), n);
}

/* Entries that have expired: they are counted a few at a time, for all buckets
 * at once, and whatever happens meanwhile. */
#define DUE 300
#define DUE_BUCKETS 3

static struct bytes
due_bucket(unsigned int i)
{
	static char name[16];

	return name_of(name, sizeof(name), "due", i);
}

static void
put_due(void)
{
	unsigned int i;

	open_store();
	store_set_now(fx.store, 1000);
	for (i = 0; i < DUE_BUCKETS; i++)
		create(due_bucket(i));
	for (i = 0; i < DUE * DUE_BUCKETS; i++)
		put(due_bucket(i % DUE_BUCKETS), i, 2000 + i % 7);
	for (i = 0; i < DUE_BUCKETS; i++)
		put(due_bucket(i), 9000 + i, 0);
	commit();
	store_set_now(fx.store, 3000);
}

static void
note_nothing(void *arg, struct bytes bucket, struct bytes key)
{
	(void)arg;
	(void)bucket;
	(void)key;
}

static void
expire_some(size_t max, bool keep)
{
	bool more;

	assert_ok(store_expire(batch(), max, note_nothing, NULL, &more));
	if (keep)
		commit();
	else
		store_abort(fx.store);
}

/* Settles all buckets; returns how many rounds it took, with so much in each. */
static unsigned int
settle_all(size_t max)
{
	unsigned int rounds = 0, i, settled;
	size_t left;
	bool one;

	do {
		ck_assert_uint_lt(++rounds, 1000);
		left = max;
		for (i = settled = 0; i < DUE_BUCKETS; i++) {
			assert_ok(store_settle(snapshot(), due_bucket(i), &left,
			    &one));
			settled += one;
		}
		store_release(fx.store);
	} while (settled < DUE_BUCKETS);
	return rounds;
}

static void
assert_due_counts(struct store_view *v, uint64_t want)
{
	unsigned int i;

	for (i = 0; i < DUE_BUCKETS; i++)
		assert_count(v, due_bucket(i), want);
}

TEST(test_due_in_pieces)
{
	unsigned int rounds;

	put_due();
	/* The keys once, the first bucket's rows, and those of the others. */
	rounds = settle_all(40);
	ck_assert_uint_ge(rounds, DUE * DUE_BUCKETS / 40);
	ck_assert_uint_le(rounds, 4 * DUE * DUE_BUCKETS / 40);
	assert_due_counts(snapshot(), 1);
	store_release(fx.store);
	/* Now they are known: another moment costs next to nothing. */
	store_set_now(fx.store, 3001);
	ck_assert_uint_eq(settle_all(40), 1);
	assert_due_counts(snapshot(), 1);
	store_release(fx.store);
}

TEST(test_due_changes)
{
	put_due();
	(void)settle_all(40);
	expire_some(100, true);
	ck_assert_uint_eq(settle_all(40), 1);
	assert_due_counts(snapshot(), 1);
	store_release(fx.store);
	/* What is taken back was never removed. */
	expire_some(100, false);
	assert_due_counts(snapshot(), 1);
	store_release(fx.store);
	/* In the batch: an entry is put that had expired, and one removed. */
	put(due_bucket(0), 300, 0);
	assert_ok(store_delete(batch(), due_bucket(1), text("k0304")));
	assert_count(batch(), due_bucket(0), 2);
	assert_count(batch(), due_bucket(1), 1);
	store_save(fx.store);
	put(due_bucket(0), 303, 0);
	assert_count(batch(), due_bucket(0), 3);
	store_undo(fx.store);
	assert_count(batch(), due_bucket(0), 2);
	commit();
	ck_assert_uint_eq(settle_all(40), 1);
	assert_count(snapshot(), due_bucket(0), 2);
	assert_count(snapshot(), due_bucket(1), 1);
	store_release(fx.store);
	expire_some(SIZE_MAX, true);
	ck_assert_uint_eq(settle_all(1), 1);
	assert_count(snapshot(), due_bucket(0), 2);
	store_release(fx.store);
}

/* While the rows are counted others are removed, and all is folded. */
TEST(test_due_meanwhile)
{
	unsigned int i;
	size_t left;
	bool settled = false;

	put_due();
	for (i = 0; !settled; i++) {
		ck_assert_uint_lt(i, 1000);
		left = 10;
		assert_ok(
		    store_settle(snapshot(), due_bucket(0), &left, &settled));
		store_release(fx.store);
		if (i % 3 == 0 && !settled)
			expire_some(4, i % 2 == 0);
		if (i == 20)
			seal();
		if (i > 20)
			fold(30);
	}
	assert_count(snapshot(), due_bucket(0), 1);
	store_release(fx.store);
	(void)settle_all(40);
	assert_due_counts(snapshot(), 1);
	store_release(fx.store);
}

static const struct test tests[] = {
	STORE_CASE("count"),
	LOOP(test_fold_meanwhile, 8),
	ONCE(test_cut_off),
	ONCE(test_steps),
	ONCE(test_open_batch),
	ONCE(test_nothing_to_do),
	ONCE(test_nobody_counts),
	ONCE(test_many_buckets),
	LOOP(test_old_expiry, COUNT(over)),
	LOOP(test_damaged_expiry, 2),
	ONCE(test_drop),
	ONCE(test_full),
	ONCE(test_due_in_pieces),
	ONCE(test_due_changes),
	ONCE(test_due_meanwhile),
};

SUITE("count", tests)
