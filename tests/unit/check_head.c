/*
 * check_head: these tests check that store_first() finds the first key of a
 * queue, whatever is put, removed and taken back meanwhile, and that it does
 * not go past what was removed again and again.
 */

#include "unit.h"

#include <stdio.h>

#include "store_fixture.h"

#define KEYS 600
#define STEPS 30000

/* A key is a letter and a number, so there are queues with prefixes. */
static const char letters[] = "abc";

static struct {
	bool committed[KEYS], batch[KEYS], saved[KEYS];
	bool saving;
	uint64_t random;
} m;

static uint32_t
below(uint32_t n)
{
	return unit_random(&m.random) % n;
}

static struct bytes
key_of(unsigned int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "%c%04u", letters[i / 200], i);
	return text(name);
}

/* Prefixes select these keys: all of them, those of a letter, or a hundred. */
static struct bytes
some_prefix(unsigned int *from, unsigned int *to)
{
	static char name[16];
	unsigned int i = below(KEYS / 100);

	*from = i * 100;
	*to = *from + 100;
	snprintf(name, sizeof(name), "%c0%u", letters[i / 2], i);
	if (below(2) == 0) {
		*from = i / 2 * 200;
		*to = *from + 200;
		name[1] = '\0';
	}
	if (below(3) == 0) {
		*from = 0;
		*to = KEYS;
		name[0] = '\0';
	}
	return text(name);
}

static enum store_result
find(struct bytes prefix, size_t scan_max, struct bytes *key)
{
	return store_first(batch(), text("b"), prefix, &scan_max, key);
}

static void
put(unsigned int i)
{
	assert_ok(store_put(batch(), text("b"), key_of(i), text("v"), 0));
	m.batch[i] = true;
}

static void
remove_key(unsigned int i)
{
	ck_assert_int_eq(store_delete(batch(), text("b"), key_of(i)),
	    m.batch[i] ? STORE_OK : STORE_ABSENT);
	m.batch[i] = false;
}

static void
step_pop(void)
{
	unsigned int from, to, n = 1 + below(60);
	struct bytes prefix = some_prefix(&from, &to), key;
	enum store_result result;

	for (; n > 0; n--) {
		while (from < to && !m.batch[from])
			from++;
		do
			result = find(prefix, 1 + below(50), &key);
		while (result == STORE_AGAIN);
		ck_assert_int_eq(result, from == to ? STORE_ABSENT : STORE_OK);
		if (from == to)
			return;
		unit_assert_bytes(key, key_of(from));
		remove_key(from);
	}
}

static void
step_put(void)
{
	unsigned int i = below(KEYS), n = 1 + below(60);

	for (; n > 0 && i < KEYS; n--, i++)
		put(i);
}

static void
step_savepoint(void)
{
	(void)batch();
	if (!m.saving) {
		store_save(fx.store);
		memcpy(m.saved, m.batch, sizeof(m.saved));
	} else if (below(2) == 0)
		store_keep(fx.store);
	else {
		store_undo(fx.store);
		memcpy(m.batch, m.saved, sizeof(m.batch));
	}
	m.saving = !m.saving;
}

static void
step_end(void)
{
	m.saving = false;
	if (below(4) == 0) {
		store_abort(fx.store);
		memcpy(m.batch, m.committed, sizeof(m.batch));
		return;
	}
	commit();
	memcpy(m.committed, m.batch, sizeof(m.batch));
	if (below(20) == 0)
		assert_ok(store_checkpoint(fx.store));
}

static void
step(void)
{
	switch (below(12)) {
	case 0:
		step_savepoint();
		break;
	case 1:
	case 2:
		step_end();
		break;
	case 3:
	case 4:
		remove_key(below(KEYS));
		break;
	case 5:
	case 6:
		step_put();
		break;
	case 7:
		put(below(KEYS));
		break;
	default:
		step_pop();
	}
}

TEST(test_model)
{
	int i;

	memset(&m, 0, sizeof(m));
	m.random = 1 + (uint64_t)_i * 7919;
	open_with_bucket();
	for (i = 0; i < STEPS; i++)
		step();
}

/* This makes a queue of so many keys, and removes all but the last. */
static void
make_tombstones(unsigned int n)
{
	unsigned int i;
	char name[16];

	open_with_bucket();
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%08u", i);
		assert_ok(
		    store_put(batch(), text("b"), text(name), text("v"), 0));
	}
	commit();
	for (i = 0; i + 1 < n; i++) {
		snprintf(name, sizeof(name), "%08u", i);
		assert_ok(store_delete(batch(), text("b"), text(name)));
	}
	commit();
}

/* How many calls it takes to find this key. */
static unsigned int
count_calls(const char *want, size_t scan_max)
{
	enum store_result result;
	unsigned int calls = 0;
	struct bytes key;

	do {
		result = find(text(""), scan_max, &key);
		calls++;
	} while (result == STORE_AGAIN);
	assert_ok(result);
	unit_assert_bytes(key, text(want));
	return calls;
}

/* A call goes past a bounded number of keys, the next one goes on, and so it is
 * even if the batch is taken back meanwhile. */
TEST(test_bounded)
{
	unsigned int calls = 0;
	struct bytes key;

	make_tombstones(10000);
	while (find(text(""), 100, &key) == STORE_AGAIN) {
		calls++;
		store_abort(fx.store);
	}
	ck_assert_uint_ge(calls, 99);
	ck_assert_uint_le(calls, 101);
	unit_assert_bytes(key, text("00009999"));
}

/* What was gone past is not gone past again: not after a commit, not after a
 * transaction was undone in which keys were removed, and not when a key is put
 * in front. */
TEST(test_remembered)
{
	make_tombstones(10000);
	(void)count_calls("00009999", 20000);
	ck_assert_uint_eq(count_calls("00009999", 1), 1);
	commit();
	ck_assert_uint_eq(count_calls("00009999", 1), 1);
	assert_ok(store_put(batch(), text("b"), text("0000"), text("v"), 0));
	ck_assert_uint_eq(count_calls("0000", 1), 1);
	commit();
	(void)batch();
	store_save(fx.store);
	assert_ok(store_delete(batch(), text("b"), text("0000")));
	ck_assert_uint_eq(count_calls("00009999", 1), 1);
	store_undo(fx.store);
	ck_assert_uint_eq(count_calls("0000", 1), 1);
	assert_ok(store_delete(batch(), text("b"), text("0000")));
	commit();
	ck_assert_uint_eq(count_calls("00009999", 1), 1);
}

/* There are more queues than the store remembers. */
TEST(test_many_queues)
{
	struct bytes key;
	char name[16];
	int round, i;

	open_with_bucket();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%02d.", i);
		assert_ok(
		    store_put(batch(), text("b"), text(name), text("v"), 0));
	}
	for (round = 0; round < 3; round++)
		for (i = 0; i < 100; i++) {
			snprintf(name, sizeof(name), "%02d", i);
			assert_ok(find(text(name), 10, &key));
			ck_assert(bytes_begin_with(key, text(name)));
		}
}

/* The bounds of names, and what is not there. */
TEST(test_bounds)
{
	uint8_t name[UINT8_MAX];
	struct bytes longest = { name, sizeof(name) }, key;

	memset(name, 0xff, sizeof(name));
	open_with_bucket();
	ck_assert_int_eq(
	    store_first(batch(), text("c"), text(""), &(size_t){ 1 }, &key),
	    STORE_NO_BUCKET);
	ck_assert_int_eq(find(text(""), 1, &key), STORE_ABSENT);
	ck_assert_int_eq(find(longest, 1, &key), STORE_ABSENT);
	assert_ok(store_put(batch(), text("b"), longest, text("v"), 0));
	assert_ok(store_create(batch(), text("c")));
	assert_ok(store_put(batch(), text("c"), text("k"), text("v"), 0));
	assert_ok(find(text(""), 1, &key));
	unit_assert_bytes(key, longest);
	assert_ok(find(longest, 1, &key));
	unit_assert_bytes(key, longest);
	assert_ok(store_delete(batch(), text("b"), longest));
	ck_assert_int_eq(find(text(""), 1, &key), STORE_ABSENT);
	ck_assert_int_eq(find(longest, 1, &key), STORE_ABSENT);
	assert_ok(store_drop(batch(), text("c")));
	ck_assert_int_eq(
	    store_first(batch(), text("c"), text(""), &(size_t){ 1 }, &key),
	    STORE_NO_BUCKET);
}

/* Expired entries are gone past as removed ones are. */
TEST(test_expired)
{
	struct bytes key;
	char name[16];
	int i;

	open_with_bucket();
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%08d", i);
		assert_ok(store_put(batch(), text("b"), text(name), text("v"),
		    i == 999 ? 0 : 100));
	}
	commit();
	(void)count_calls("00000000", 1);
	store_set_now(fx.store, 100);
	ck_assert_uint_ge(count_calls("00000999", 90), 10);
	ck_assert_uint_eq(count_calls("00000999", 1), 1);
	assert_ok(
	    store_put(batch(), text("b"), text("00000500"), text("v"), 200));
	ck_assert_uint_eq(count_calls("00000500", 1), 1);
	store_set_now(fx.store, 200);
	ck_assert_uint_eq(count_calls("00000999", 1), 1);
	store_set_now(fx.store, 99);
	(void)count_calls("00000000", 1);
	store_set_now(fx.store, 200);
	assert_ok(store_delete(batch(), text("b"), text("00000999")));
	while (find(text(""), 90, &key) == STORE_AGAIN)
		;
	ck_assert_int_eq(find(text(""), 1, &key), STORE_ABSENT);
}

static const struct test tests[] = {
	STORE_CASE("head"),
	LOOP(test_model, 8),
	ONCE(test_bounded),
	ONCE(test_remembered),
	ONCE(test_many_queues),
	ONCE(test_bounds),
	ONCE(test_expired),
};

SUITE("head", tests)
