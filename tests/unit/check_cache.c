/*
 * check_cache: these tests check the store's cache of records.  The cache must
 * only return the latest value that was put and not dropped since; a miss only
 * costs time.
 */

#include <sys/resource.h>

#include "store/store_cache.h"
#include "unit.h"

#define SMALL ((size_t)64 << 10)

static struct store_cache *cache;

static void
setup(void)
{
	ck_assert_int_eq(store_cache_open(&cache, SMALL), 0);
	ck_assert_ptr_nonnull(cache);
}

static void
teardown(void)
{
	store_cache_close(cache);
}

static struct bytes
key(uint32_t number, char text[32])
{
	return (
	    struct bytes){ text, (size_t)snprintf(text, 32, "key %u", number) };
}

static void
put(uint32_t number, const char *value)
{
	char text[32];

	store_cache_put(cache, key(number, text), bytes_from_text(value));
}

static bool
has(uint32_t number, const char *value)
{
	struct bytes got;
	char text[32];

	if (!store_cache_get(cache, key(number, text), &got))
		return false;
	unit_assert_bytes(got, bytes_from_text(value));
	return true;
}

static void
drop(uint32_t number)
{
	char text[32];

	store_cache_invalidate(cache, key(number, text));
	store_cache_end_batch(cache);
}

TEST(test_few)
{
	uint32_t i;

	ck_assert(!has(1, ""));
	drop(1);
	for (i = 0; i < 100; i++)
		put(i, "value");
	for (i = 0; i < 100; i++)
		ck_assert(has(i, "value"));
	ck_assert(!has(100, ""));
	drop(50);
	ck_assert(!has(50, ""));
	ck_assert(has(49, "value"));
	put(50, "another, longer");
	ck_assert(has(50, "another, longer"));
}

/* A value that the current batch wrote is not cached before the batch ends,
 * since the batch may be aborted. */
TEST(test_unsettled)
{
	char text[32];
	uint32_t i;

	for (i = 0; i < 10; i++) {
		put(i, "old");
		store_cache_invalidate(cache, key(i, text));
		put(i, "new");
		ck_assert(!has(i, "old"));
	}
	put(10, "not written");
	ck_assert(has(10, "not written"));
	store_cache_end_batch(cache);
	store_cache_end_batch(cache);
	for (i = 0; i < 10; i++) {
		put(i, "new");
		ck_assert(has(i, "new"));
	}
}

/* With these sizes the cache is off: it never finds anything. */
static const size_t too_small_table[] = { 0, 1, 4096, 49151 };

TEST(test_none)
{
	struct store_cache *none = cache;
	struct bytes got;

	ck_assert_int_eq(store_cache_open(&none, too_small_table[_i]), 0);
	ck_assert_ptr_null(none);
	store_cache_put(none, bytes_from_text("k"), bytes_from_text("v"));
	ck_assert(!store_cache_get(none, bytes_from_text("k"), &got));
	store_cache_invalidate(none, bytes_from_text("k"));
	store_cache_end_batch(none);
	store_cache_close(none);
}

TEST(test_smallest)
{
	uint32_t i;

	store_cache_close(cache);
	ck_assert_int_eq(store_cache_open(&cache, 49152), 0);
	ck_assert_ptr_nonnull(cache);
	put(0, "0");
	ck_assert(has(0, "0"));
	for (i = 1; i < 100000; i++)
		if (!has(i, "x"))
			put(i, "x");
}

TEST(test_largest)
{
	store_cache_close(cache);
	ck_assert_int_eq(store_cache_open(&cache, SIZE_MAX), 0);
	put(1, "1");
	ck_assert(has(1, "1"));
}

/* Sanitizers need the address space themselves. */
#ifndef KVD_INSTRUMENTED
TEST(test_no_memory)
{
	struct rlimit limit = { 256 << 20, 256 << 20 };

	store_cache_close(cache);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(store_cache_open(&cache, STORE_CACHE_MAX), -1);
	ck_assert_ptr_null(cache);
}
#endif

/* The records have every size up to the largest allowed, and larger ones. */
TEST(test_sizes)
{
	static uint8_t data[2 * STORE_CACHE_RECORD_MAX];
	struct bytes k = UNIT_BYTES("k"), got;
	size_t size, kept = 0;
	int i;

	for (size = 0; size < sizeof(data); size++)
		data[size] = (uint8_t)(size * 7);
	for (size = 0; size < sizeof(data); size++) {
		store_cache_invalidate(cache, k);
		store_cache_end_batch(cache);
		/* Once the cache is full it accepts only some records. */
		for (i = 0; i < 100 && !store_cache_get(cache, k, &got); i++)
			store_cache_put(cache, k, (struct bytes){ data, size });
		if (i == 100)
			continue;
		kept++;
		ck_assert_uint_eq(got.size, size);
		if (memcmp(got.data, data, size) != 0)
			ck_abort_msg("size %zu: wrong bytes", size);
	}
	ck_assert_uint_gt(kept, STORE_CACHE_RECORD_MAX - 64);
	ck_assert_uint_le(kept, STORE_CACHE_RECORD_MAX);
}

/* A record that is read often stays in the cache while others pass through. */
TEST(test_walk)
{
	uint32_t i, found = 0, asked = 0;

	for (i = 0; i < 400000; i++) {
		if (i % 4 == 0) {
			asked++;
			if (has(i / 4 % 100, "hot"))
				found++;
			else
				put(i / 4 % 100, "hot");
		} else if (!has(1000000 + i, "cold"))
			put(1000000 + i, "cold");
	}
	ck_assert_uint_gt(found, asked / 2);
}

/* The model holds the last value of each key, or none. */
#define KEYS 5000

TEST(test_model)
{
	/* A value of 0 means that the cache must not find the key. */
	static uint32_t values[KEYS];
	uint64_t state = 1 + (uint64_t)_i;
	uint32_t i, n, hits = 0;
	char value[700], text[32];
	struct bytes got;

	memset(values, 0, sizeof(values));
	for (i = 1; i < 1000000; i++) {
		n = (uint32_t)(unit_random(&state) % KEYS);
		if (unit_random(&state) % 4 == 0) {
			values[n] = 0;
			drop(n);
			continue;
		}
		if (store_cache_get(cache, key(n, text), &got)) {
			hits++;
			/* Each key gets values of several sizes. */
			snprintf(value, sizeof(value), "%u %0*u", n,
			    (int)(values[n] % 600), values[n]);
			ck_assert_uint_ne(values[n], 0);
			unit_assert_bytes(got, bytes_from_text(value));
			continue;
		}
		values[n] = i;
		snprintf(value, sizeof(value), "%u %0*u", n, (int)(i % 600), i);
		store_cache_put(cache, key(n, text), bytes_from_text(value));
	}
	ck_assert_uint_gt(hits, 5000);
}

static const struct test tests[] = {
	CASE("cache", setup, teardown),
	ONCE(test_few),
	ONCE(test_unsettled),
	EACH(test_none, too_small_table),
	ONCE(test_smallest),
	ONCE(test_largest),
#ifndef KVD_INSTRUMENTED
	ONCE(test_no_memory),
#endif
	ONCE(test_sizes),
	ONCE(test_walk),
	LOOP(test_model, 4),
};

SUITE("cache", tests)
