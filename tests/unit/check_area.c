/*
 * check_area: these tests check the entries that the registry shares with its
 * workers: the writer alone, as the registry's cache, and a reader that reads
 * while the writer writes (the rules of area/area.h).  A miss only costs time;
 * a reader must never return what is not true.
 */

#include "unit.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "area/large_pages.h"
#include "area/names.h"
#include "area/reader.h"
#include "area/writer.h"
#include "common/clock.h"
#include "common/crc32c.h"
#include "common/record.h"

#define SMALL AREA_SIZE_MIN
#define BUCKET UNIT_BYTES("bucket")
#define ID 7

static struct area_writer *area;
static struct area_memory memory;
static struct epoch epoch = { NULL, -1 };
static struct reader reader;
static int dirfd;

/* The writer alone: nothing is shared. */

static void
setup_private(void)
{
	area = area_writer_open(&area_memory_none, &epoch_none, 0);
	ck_assert_ptr_nonnull(area);
	ck_assert_int_eq(area_writer_resize(area, SMALL), 0);
}

static void
teardown_private(void)
{
	area_writer_close(area);
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

	area_writer_put(area, key(number, text), bytes_from_text(value));
}

static bool
has(uint32_t number, const char *value)
{
	struct bytes got;
	char text[32];

	if (!area_writer_get(area, key(number, text), &got))
		return false;
	unit_assert_bytes(got, bytes_from_text(value));
	return true;
}

static void
drop(uint32_t number)
{
	char text[32];

	area_writer_drop(area, key(number, text));
	area_writer_end_batch(area);
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

/* A value that the current batch wrote is not put before the batch ends, since
 * the batch may be aborted. */
TEST(test_unsettled)
{
	char text[32];
	uint32_t i;

	for (i = 0; i < 10; i++) {
		put(i, "old");
		area_writer_drop(area, key(i, text));
		put(i, "new");
		ck_assert(!has(i, "old"));
	}
	put(10, "not written");
	ck_assert(has(10, "not written"));
	area_writer_end_batch(area);
	area_writer_end_batch(area);
	for (i = 0; i < 10; i++) {
		put(i, "new");
		ck_assert(has(i, "new"));
	}
}

/* With these sizes there is nothing: the area never finds anything. */
static const size_t too_small_table[] = { 0, 1, 4096, AREA_SIZE_MIN - 1 };

TEST(test_none)
{
	ck_assert_int_eq(area_writer_resize(area, too_small_table[_i]), 0);
	put(1, "v");
	ck_assert(!has(1, "v"));
	drop(1);
	area_writer_forget_name(area, bytes_from_text("b"));
	area_writer_name(area, bytes_from_text("b"), ID);
	area_writer_fence(area);
	ck_assert(!area_writer_is_shared(area));
}

TEST(test_smallest)
{
	uint32_t i;

	put(0, "0");
	ck_assert(has(0, "0"));
	for (i = 1; i < 100000; i++)
		if (!has(i, "x"))
			put(i, "x");
}

TEST(test_largest)
{
	ck_assert_int_eq(area_writer_resize(area, SIZE_MAX), 0);
	put(1, "1");
	ck_assert(has(1, "1"));
}

/* Sanitizers need the address space themselves. */
#ifndef KVD_INSTRUMENTED
TEST(test_no_memory)
{
	struct rlimit limit = { 256 << 20, 256 << 20 };

	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(area_writer_resize(area, AREA_SIZE_MAX), -1);
	put(1, "1");
	ck_assert(!has(1, "1"));
}
#endif

/* The records have every size up to the largest allowed, and larger ones. */
TEST(test_sizes)
{
	static uint8_t data[2 * AREA_VALUE_MAX];
	struct bytes k = UNIT_BYTES("k"), got;
	size_t size, kept = 0;
	int i;

	for (size = 0; size < sizeof(data); size++)
		data[size] = (uint8_t)(size * 7);
	for (size = 0; size < sizeof(data); size++) {
		area_writer_drop(area, k);
		area_writer_end_batch(area);
		/* Once the ring is full it accepts only some records. */
		for (i = 0; i < 100 && !area_writer_get(area, k, &got); i++)
			area_writer_put(area, k, (struct bytes){ data, size });
		if (i == 100)
			continue;
		kept++;
		ck_assert_uint_eq(got.size, size);
		if (memcmp(got.data, data, size) != 0)
			ck_abort_msg("size %zu: wrong bytes", size);
	}
	ck_assert_uint_eq(kept, AREA_VALUE_MAX + ENTRY_HEADER + 1);
}

/* A record that is read often stays while others pass through, and those that
 * are put without being read do not replace it. */
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
	ck_assert_uint_gt(found, asked - asked / 10);
}

/* What a batch has dropped, and was there, is to be put again. */
TEST(test_again)
{
	char text[32], other[32];
	struct bytes k;
	size_t at = 0;

	put(1, "1");
	put(2, "2");
	area_writer_drop(area, key(1, text));
	area_writer_drop(area, key(1, text));
	area_writer_drop(area, key(3, text));
	area_writer_drop(area, key(2, text));
	ck_assert(area_writer_next_dropped(area, &at, &k));
	unit_assert_bytes(k, key(1, other));
	area_writer_put_again(area, k, bytes_from_text("new"));
	ck_assert(area_writer_next_dropped(area, &at, &k));
	unit_assert_bytes(k, key(2, other));
	ck_assert(!area_writer_next_dropped(area, &at, &k));
	area_writer_end_batch(area);
	at = 0;
	ck_assert(!area_writer_next_dropped(area, &at, &k));
	ck_assert(has(1, "new"));
	ck_assert(!has(2, "2"));
}

/* The model holds the last value of each key, or none. */
#define KEYS 5000

TEST(test_model)
{
	/* A value of 0 means that the area must not find the key. */
	static uint32_t values[KEYS];
	uint64_t state = 1 + (uint64_t)_i;
	uint32_t i, n, hits = 0;
	char value[700], text[32];
	struct bytes got;

	memset(values, 0, sizeof(values));
	for (i = 1; i < 1000000; i++) {
		n = unit_random(&state) % KEYS;
		/* The laps begin anew in the midst of it. */
		if (i == 500000)
			area_writer_set_lap(area, AREA_LAP_MAX - 3);
		if (unit_random(&state) % 4 == 0) {
			values[n] = 0;
			drop(n);
			continue;
		}
		if (area_writer_get(area, key(n, text), &got)) {
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
		area_writer_put(area, key(n, text), bytes_from_text(value));
	}
	ck_assert_uint_gt(hits, 5000);
}

/* Writer and reader */

static void
open_epoch(void)
{
	char path[] = "/tmp/check_area.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(path));
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(dirfd, -1);
	ck_assert_int_eq(epoch_open(&epoch, dirfd), 0);
	ck_assert_ptr_nonnull(epoch.word);
	ck_assert_int_eq(unlinkat(dirfd, "epoch", 0), 0);
	ck_assert_int_eq(rmdir(path), 0);
}

/* Of a registry that has died: it closes nothing.  NULL: none has. */
static struct area_writer *died;
static size_t area_size;

static void
open_writer(void)
{
	epoch_close(&epoch); /* as whoever takes the lock does */
	area = area_writer_open(&memory, &epoch, clock_wall_base());
	ck_assert_ptr_nonnull(area);
	ck_assert_int_eq(area_writer_resize(area, area_size), 0);
	ck_assert(area_writer_is_shared(area));
	area_writer_name(area, (struct bytes)BUCKET, ID);
}

static void
share(size_t size)
{
	died = NULL;
	area_size = size;
	open_epoch();
	ck_assert_int_eq(area_memory_make(&memory, size), 0);
	open_writer();
	ck_assert_int_eq(
	    reader_open(&reader, memory.read_fd, memory.hot_fd, epoch.read_fd),
	    0);
}

static void
setup_shared(void)
{
	share(SMALL);
}

static void
teardown_shared(void)
{
	area_writer_close(area);
	area_writer_close(died);
	area_memory_close(&memory);
	epoch_close_file(&epoch);
	(void)close(dirfd);
}

/* A stored record, as the store makes it. */
struct record {
	struct entry_key key;
	uint8_t data[ENTRY_HEADER + 64];
	struct bytes bytes;
};

static void
make_record(struct record *r, const char *name, const char *value,
    int64_t expiry_ms)
{
	size_t size = strlen(value);

	entry_key_make(&r->key, ID, bytes_from_text(name));
	record_put_le64(r->data, 1);
	record_put_le64(r->data + 8, (uint64_t)expiry_ms);
	memcpy(r->data + ENTRY_HEADER, value, size);
	r->bytes = (struct bytes){ r->data, ENTRY_HEADER + size };
	record_put_le32(r->data + ENTRY_SUM,
	    record_sum(r->key.bytes, r->data, r->bytes.size, ENTRY_SUM));
}

static void
publish_until(const char *name, const char *value, int64_t expiry_ms)
{
	struct record r;

	make_record(&r, name, value, expiry_ms);
	area_writer_put_again(area, r.key.bytes, r.bytes);
}

static void
publish(const char *name, const char *value)
{
	publish_until(name, value, 0);
}

static void
invalidate(const char *name)
{
	struct entry_key k;

	entry_key_make(&k, ID, bytes_from_text(name));
	area_writer_drop(area, k.bytes);
	area_writer_fence(area);
	area_writer_end_batch(area);
}

static bool
begin(void)
{
	return reader_begin(&reader, (struct bytes)BUCKET);
}

static bool
take(const char *name, const char *want)
{
	struct bytes value;

	if (!reader_take(&reader, bytes_from_text(name), &value))
		return false;
	unit_assert_bytes(value, bytes_from_text(want));
	return true;
}

static bool
reads(const char *name, const char *want)
{
	return begin() && take(name, want) && reader_end(&reader);
}

TEST(test_read)
{
	ck_assert(!reads("a", ""));
	publish("a", "1");
	publish("b", "");
	ck_assert(reads("a", "1"));
	ck_assert(reads("b", ""));
	ck_assert(!reads("c", ""));
	invalidate("a");
	ck_assert(!reads("a", ""));
	publish("a", "2");
	ck_assert(reads("a", "2"));
	ck_assert(!reader_begin(&reader, bytes_from_text("bucke")));
	ck_assert(!reader_begin(&reader, (struct bytes){ "", 0 }));
	ck_assert(begin());
	ck_assert(!take("", ""));
}

/* To fetch changes nothing, be the key there or not. */
TEST(test_fetch)
{
	uint32_t i;
	char name[16];

	ck_assert(!reader_can_fetch(&reader));
	publish("a", "1");
	ck_assert(reads("a", "1"));
	ck_assert(reader_can_fetch(&reader));
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (i % 2 == 0)
			publish(name, "value");
		reader_fetch_record(&reader,
		    reader_fetch_slots(&reader, bytes_from_text(name)));
		ck_assert(reads(name, "value") == (i % 2 == 0));
	}
	epoch_close(&epoch);
	ck_assert(!reader_can_fetch(&reader));
}

/* A commit to the entry begins between the copy and the second look. */
TEST(test_replaced_while_read)
{
	publish("a", "old");
	ck_assert(begin());
	ck_assert(take("a", "old"));
	invalidate("a");
	publish("a", "new");
	ck_assert(!reader_end(&reader));
	/* The same value again is another record. */
	ck_assert(begin());
	ck_assert(take("a", "new"));
	invalidate("a");
	publish("a", "new");
	ck_assert(!reader_end(&reader));
	ck_assert(reads("a", "new"));
}

/* Two entries that one commit changes are not read one before and one after
 * it. */
TEST(test_half)
{
	publish("a", "1");
	publish("b", "1");
	ck_assert(begin());
	ck_assert(take("a", "1"));
	invalidate("a");
	invalidate("b");
	publish("a", "2");
	publish("b", "2");
	ck_assert(take("b", "2"));
	ck_assert(!reader_end(&reader));
	ck_assert(begin());
	ck_assert(take("a", "2"));
	ck_assert(take("b", "2"));
	ck_assert(reader_end(&reader));
}

/* The ring goes round, and the record that is being read is written over. */
TEST(test_overwritten_while_read)
{
	char name[16];
	int i;

	publish("a", "1");
	ck_assert(begin());
	ck_assert(take("a", "1"));
	/* It was marked as hot, and so survives one round. */
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		publish(name, "filler");
	}
	ck_assert(!reader_end(&reader));
	ck_assert(!reads("a", "1"));
}

/* When laps begin anew, a slot may have a word that it had before. */
TEST(test_laps)
{
	char name[16];
	int i;

	publish("a", "1");
	ck_assert(begin());
	ck_assert(take("a", "1"));
	area_writer_set_lap(area, AREA_LAP_MAX);
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		publish(name, "filler");
	}
	ck_assert(!reader_end(&reader));
	ck_assert(reads("2999", "filler"));
	/* Once more from the beginning: the first place in the first lap is
	 * the same word. */
	area_writer_close(area);
	area_memory_close(&memory);
	ck_assert_int_eq(area_memory_make(&memory, SMALL), 0);
	open_writer();
	ck_assert_int_eq(
	    reader_open(&reader, memory.read_fd, memory.hot_fd, epoch.read_fd),
	    0);
	publish("a", "old");
	ck_assert(begin());
	ck_assert(take("a", "old"));
	area_writer_set_lap(area, 0);
	ck_assert_int_eq(area_writer_resize(area, 0), 0);
	ck_assert_int_eq(area_writer_resize(area, SMALL), 0);
	area_writer_name(area, (struct bytes)BUCKET, ID);
	publish("a", "new");
	ck_assert_uint_eq(*reader.seen[0].slot, reader.seen[0].value);
	ck_assert(!reader_end(&reader));
	ck_assert(reads("a", "new"));
}

/* Another registry takes the store's lock. */
TEST(test_epoch_closed)
{
	publish("a", "1");
	ck_assert(begin());
	ck_assert(take("a", "1"));
	epoch_close(&epoch);
	ck_assert(!reader_end(&reader));
	ck_assert(!begin());
	/* It dies, and another one does the same. */
	epoch_close(&epoch);
	ck_assert(!begin());
}

/* ... of another kvd, which has an area of its own. */
TEST(test_two_kvds)
{
	struct area_memory first = memory;

	publish("a", "1");
	ck_assert(reads("a", "1"));
	/* The first kvd dies without a word: its memory stays as it is. */
	ck_assert_int_eq(area_memory_make(&memory, SMALL), 0);
	died = area;
	open_writer();
	publish("a", "2");
	ck_assert(!reads("a", "1"));
	ck_assert_int_eq(
	    reader_open(&reader, memory.read_fd, memory.hot_fd, epoch.read_fd),
	    0);
	ck_assert(reads("a", "2"));
	area_memory_close(&first);
}

/* A registry dies; the next one of the same kvd begins with nothing. */
TEST(test_successor)
{
	publish("a", "1");
	ck_assert(reads("a", "1"));
	/* There is no call that a process which is killed would make. */
	died = area;
	open_writer();
	ck_assert(!reads("a", "1"));
	publish("b", "2");
	ck_assert(!reads("a", "1"));
	ck_assert(reads("b", "2"));
	ck_assert_int_eq(area_writer_resize(area, 0), 0);
	ck_assert(!begin());
}

TEST(test_names)
{
	struct bytes bucket = BUCKET;

	publish("a", "1");
	ck_assert(reads("a", "1"));
	/* The bucket is dropped: its entries are still there. */
	ck_assert(begin());
	ck_assert(take("a", "1"));
	area_writer_forget_name(area, bucket);
	/* Not before the batch has ended. */
	area_writer_name(area, bucket, ID);
	ck_assert(!reader_end(&reader));
	ck_assert(!begin());
	area_writer_fence(area);
	area_writer_end_batch(area);
	ck_assert(!begin());
	/* A bucket of the same name has another id. */
	area_writer_name(area, bucket, ID + 1);
	ck_assert(begin());
	ck_assert(!take("a", "1"));
}

/* Each name is found or not, but never another one's id. */
TEST(test_many_names)
{
	char text[300];
	uint64_t i, id, found = 0;
	struct bytes name;

	for (i = 1; i < 1000; i++) {
		memset(text, 'x', sizeof(text));
		name = (struct bytes){ text, i % 255 + 1 };
		snprintf(text, sizeof(text), "%llu", (unsigned long long)i);
		area_writer_name(area, name, i);
		if (!reader_begin(&reader, name))
			ck_abort_msg("name %llu", (unsigned long long)i);
		ck_assert_uint_eq(reader.id, i);
	}
	for (i = 1; i < 1000; i++) {
		memset(text, 'x', sizeof(text));
		name = (struct bytes){ text, i % 255 + 1 };
		snprintf(text, sizeof(text), "%llu", (unsigned long long)i);
		id = names_find(reader.header, name);
		found += id != 0;
		ck_assert(id == 0 || id == i);
	}
	ck_assert_uint_gt(found, AREA_NAMES / 4);
	ck_assert_uint_le(found, AREA_NAMES);
}

TEST(test_expiry)
{
	/* By the base of the area: another one may differ by a millisecond. */
	int64_t now_ms = clock_wall_ms(reader.header->clock_base_ms);

	publish_until("past", "1", 1);
	publish_until("now", "1", now_ms);
	publish_until("later", "1", now_ms + 3600000);
	ck_assert(!reads("past", "1"));
	ck_assert(!reads("now", "1"));
	ck_assert(reads("later", "1"));
}

/* Two keys with the same hash have slots that differ only in their place. */
TEST(test_same_hash)
{
	static const char one[] = "239d9565", other[] = "15285403";
	struct entry_key k, l;

	entry_key_make(&k, ID, bytes_from_text(one));
	entry_key_make(&l, ID, bytes_from_text(other));
	ck_assert_uint_eq(crc32c(0, k.bytes.data, k.bytes.size),
	    crc32c(0, l.bytes.data, l.bytes.size));
	publish(one, "1");
	ck_assert(!reads(other, "1"));
	publish(other, "2");
	ck_assert(reads(one, "1"));
	ck_assert(reads(other, "2"));
	invalidate(one);
	ck_assert(!reads(one, "1"));
	ck_assert(reads(other, "2"));
}

/* The writer's own mapping, to damage what is there. */
static uint8_t *
map_area(void)
{
	size_t size;
	void *p =
	    area_memory_map(memory.write_fd, PROT_READ | PROT_WRITE, 1, &size);

	ck_assert_ptr_nonnull(p);
	return p;
}

TEST(test_damage)
{
	uint8_t *p = map_area(), *hit;

	publish("damaged", "value");
	ck_assert(reads("damaged", "value"));
	hit = memmem(p, SMALL, "value", 5);
	ck_assert_ptr_nonnull(hit);
	hit[2] ^= 4;
	ck_assert(!reads("damaged", "value"));
	hit[2] ^= 4;
	ck_assert(reads("damaged", "value"));
}

/* Whatever the memory says, the reader reads nothing outside of it.  Its own
 * copy ends with the mapping, and what is behind that cannot be read. */
TEST(test_hostile)
{
	uint64_t *words = (void *)map_area(), state = 1 + (uint64_t)_i, *word;
	const size_t from = offsetof(struct area_header, names_version) / 8;
	struct bytes value;
	size_t i;

	publish("a", "1");
	for (i = 0; i < 300000; i++) {
		if (i % 1000 == 0) {
			area_writer_close(area);
			open_writer();
			publish("a", "1");
			(void)reads("a", "1");
		}
		/* Half of them where it matters most. */
		word = i % 2 == 0 && reader.n_seen > 0 ?
		    words +
			((const uint8_t *)reader.seen[0].slot - reader.memory) /
			    8 :
		    words + from + unit_random(&state) % (SMALL / 8 - from);
		*word ^= UINT64_C(1) << unit_random(&state) % 64;
		if (reader_can_fetch(&reader))
			reader_fetch_record(&reader,
			    reader_fetch_slots(&reader, bytes_from_text("a")));
		if (reader_begin(&reader, (struct bytes)BUCKET) &&
		    reader_take(&reader, bytes_from_text("a"), &value)) {
			unit_assert_bytes(value, bytes_from_text("1"));
			(void)reader_end(&reader);
		}
	}
}

/* The header, too: a size that is not that of the memory. */
TEST(test_hostile_header)
{
	struct area_header *h = (void *)map_area();
	static const uint64_t sizes[] = { 0, 1, AREA_SIZE_MIN - 1,
		AREA_SIZE_MIN + 1, UINT64_MAX };
	size_t i;

	publish("a", "1");
	for (i = 0; i < COUNT(sizes); i++) {
		reader.number = 0;
		h->size = sizes[i];
		ck_assert(!begin());
	}
	h->size = SMALL;
	ck_assert(reads("a", "1"));
}

TEST(test_many_keys)
{
	char name[16];
	int i;

	for (i = 0; i <= READER_KEYS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		publish(name, "value");
	}
	ck_assert(begin());
	for (i = 0; i < READER_KEYS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ck_assert(take(name, "value"));
	}
	ck_assert(reader_end(&reader));
	snprintf(name, sizeof(name), "%d", i);
	ck_assert(!take(name, "value"));
}

/* Nobody who has only the reader's descriptor can write, nor make it smaller;
 * nor can it be opened anew to write. */
TEST(test_read_only)
{
	char path[64];
	void *p;

	ck_assert_ptr_eq(mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED,
			     memory.read_fd, 0),
	    MAP_FAILED);
	p = mmap(NULL, SMALL, PROT_READ, MAP_SHARED, memory.read_fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(mprotect(p, SMALL, PROT_READ | PROT_WRITE), -1);
	ck_assert_int_eq(ftruncate(memory.write_fd, 0), -1);
	ck_assert_int_eq(ftruncate(memory.write_fd, SMALL * 2), -1);
	if (geteuid() == 0)
		ck_assert_int_eq(setuid(65534), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory.read_fd);
	ck_assert_int_eq(open(path, O_RDWR | O_CLOEXEC), -1);
	ck_assert_int_eq(errno, EACCES);
}

/* Large pages */

static struct large_pages pages;

static void
setup_large(void)
{
	share((size_t)16 << 20);
	ck_assert_int_eq(large_pages_open(&pages, memory.read_fd), 0);
}

static size_t
memory_used(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(memory.write_fd, &st), 0);
	return (size_t)st.st_blocks * 512;
}

/* Of the reader's mapping: this many bytes are in large pages. */
static size_t
mapped_large(void)
{
	unsigned long start, end, kib, found = 0;
	bool here = false;
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "re");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			here = start == (uintptr_t)reader.memory;
		if (here && sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1)
			found = kib;
	}
	(void)fclose(f);
	return found << 10;
}

static void
join_all(void)
{
	size_t end = area_writer_filled(area), n = 0;

	ck_assert_uint_gt(end, 0);
	ck_assert_uint_eq(area_writer_filled(area), 0);
	large_pages_look(&pages, end);
	for (; large_pages_are_left(&pages); n++)
		large_pages_join(&pages);
	ck_assert_uint_eq(n, end / AREA_LARGE_PAGE);
	large_pages_join(&pages);
}

static void
publish_many(unsigned int from, unsigned int to, const char *value)
{
	char name[16];
	unsigned int i;

	for (i = from; i < to; i++) {
		snprintf(name, sizeof(name), "%u", i);
		publish(name, value);
	}
}

static void
read_many(unsigned int to, const char *value)
{
	char name[16];
	unsigned int i;

	for (i = 0; i < to; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (!reads(name, value))
			ck_abort_msg("key %u is not there", i);
	}
}

/* What was read is still there, and that takes far fewer page faults if the
 * kernel can do it. */
TEST(test_large_pages)
{
	static const char value[] = "a value of some 30 bytes, say.";
	void *page = (void *)(uintptr_t)(reader.memory + AREA_LARGE_PAGE);
	bool can;

	ck_assert_uint_eq((uintptr_t)reader.memory % AREA_LARGE_PAGE, 0);
	publish_many(0, 100, value);
	ck_assert_uint_eq(area_writer_filled(area), 0);
	publish_many(100, 60000, value);
	join_all();
	/* 25 is MADV_COLLAPSE, which may be unknown here. */
	can = madvise(page, AREA_LARGE_PAGE, 25) == 0;
	read_many(60000, value);
	if (can)
		ck_assert_uint_ge(mapped_large(), 2 * AREA_LARGE_PAGE);
	/* Those that change while they are joined, too. */
	publish_many(0, 60000, "another");
	join_all();
	read_many(60000, "another");
}

/* A table of which little is used gets no memory for that. */
TEST(test_large_pages_sparse)
{
	char value[60] = "";
	size_t before;

	/* 64 bytes of each record have a slot somewhere, the others not. */
	memset(value, 'x', sizeof(value) - 1);
	publish_many(0, 40, value);
	while (area_writer_filled(area) == 0)
		publish_many(0, 40, value);
	before = memory_used();
	large_pages_look(&pages, area_size);
	large_pages_join(&pages);
	large_pages_join(&pages);
	ck_assert_uint_eq(memory_used(), before);
}

/* Nothing is shared, or what there is has no size yet. */
TEST(test_large_pages_none)
{
	struct large_pages none;

	ck_assert_int_eq(large_pages_open(&none, -1), 0);
	large_pages_look(&none, 1 << 30);
	ck_assert(!large_pages_are_left(&none));
	large_pages_join(&none);
	ck_assert_int_eq(area_writer_resize(area, 0), 0);
	large_pages_look(&pages, SIZE_MAX);
	while (large_pages_are_left(&pages))
		large_pages_join(&pages);
	ck_assert_uint_le(memory_used(), AREA_PAGE);
}

/* A registry without a cache frees what the one before it has filled. */
TEST(test_none_after_some)
{
	publish_many(0, 1000, "value");
	ck_assert_uint_gt(memory_used(), AREA_PAGE);
	died = area;
	area = area_writer_open(&memory, &epoch, 0);
	ck_assert_ptr_nonnull(area);
	ck_assert_int_eq(area_writer_resize(area, 0), 0);
	ck_assert_uint_eq(memory_used(), 0);
}

/* The file */

static char dir[32];

static void
setup_file(void)
{
	(void)strlcpy(dir, "/tmp/check_area.XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(dirfd, -1);
}

static void
teardown_file(void)
{
	epoch_close_file(&epoch);
	(void)unlinkat(dirfd, "epoch", 0);
	(void)rmdir(dir);
	(void)close(dirfd);
}

/* The word only grows, whoever has it, and is odd when it is closed. */
TEST(test_epoch)
{
	uint64_t number, before;
	const uint64_t *word;
	int i;

	ck_assert_int_eq(epoch_open(&epoch, dirfd), 0);
	word = epoch_map(epoch.read_fd);
	ck_assert_ptr_nonnull(word);
	for (i = 0; i < 3; i++) {
		before = *word;
		epoch_close(&epoch);
		epoch_close(&epoch);
		ck_assert_uint_eq(*word, before | 1);
		number = epoch_next(&epoch, 0);
		ck_assert_uint_gt(number, before);
		ck_assert_uint_eq(number % 2, 0);
		ck_assert_uint_eq(*word, before | 1);
		epoch_begin(&epoch, number);
		ck_assert_uint_eq(*word, number);
		epoch_close_file(&epoch);
		ck_assert_int_eq(epoch_open(&epoch, dirfd), 0);
	}
	/* The file was removed, and its readers have a greater number. */
	ck_assert_uint_gt(epoch_next(&epoch, 1000), 1000);
	ck_assert_uint_gt(epoch_next(&epoch, 1001), 1001);
	ck_assert_int_eq(
	    mprotect((void *)(uintptr_t)word, AREA_PAGE, PROT_WRITE), -1);
}

/* What is no file of ours cannot be used, and is a reason not to go on: its
 * readers could not be told. */
TEST(test_strange_epoch)
{
	ck_assert_int_eq(symlinkat("/dev/null", dirfd, "epoch"), 0);
	ck_assert_int_eq(epoch_open(&epoch, dirfd), -1);
	ck_assert_int_eq(unlinkat(dirfd, "epoch", 0), 0);
	ck_assert_int_eq(mkfifoat(dirfd, "epoch", 0600), 0);
	ck_assert_int_eq(epoch_open(&epoch, dirfd), -1);
}

/* A power cut has left it without its page.  No reader maps that. */
TEST(test_short_epoch)
{
	int fd = openat(dirfd, "epoch", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, "short", 5), 5);
	ck_assert_ptr_null(epoch_map(fd));
	(void)close(fd);
	ck_assert_int_eq(epoch_open(&epoch, dirfd), 0);
	ck_assert_ptr_nonnull(epoch.word);
	ck_assert_uint_eq(*epoch.word, 0);
}

/* The disk is full: nobody has such a file, and kvd works without. */
TEST(test_no_epoch)
{
	struct rlimit limit = { 0, RLIM_INFINITY };

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(epoch_open(&epoch, dirfd), 0);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_ptr_null(epoch.word);
	ck_assert_int_eq(epoch.read_fd, -1);
	epoch_close(&epoch);
}

static const struct test tests[] = {
	CASE("alone", setup_private, teardown_private),
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
	ONCE(test_again),
	LOOP(test_model, 4),
	CASE("shared", setup_shared, teardown_shared),
	ONCE(test_read),
	ONCE(test_fetch),
	ONCE(test_replaced_while_read),
	ONCE(test_half),
	ONCE(test_overwritten_while_read),
	ONCE(test_laps),
	ONCE(test_epoch_closed),
	ONCE(test_two_kvds),
	ONCE(test_successor),
	ONCE(test_names),
	ONCE(test_many_names),
	ONCE(test_expiry),
	ONCE(test_same_hash),
	ONCE(test_damage),
	LOOP(test_hostile, 2),
	ONCE(test_hostile_header),
	ONCE(test_many_keys),
	ONCE(test_read_only),
	CASE("large", setup_large, teardown_shared),
	ONCE(test_large_pages),
	ONCE(test_large_pages_sparse),
	ONCE(test_large_pages_none),
	ONCE(test_none_after_some),
	CASE("file", setup_file, teardown_file),
	ONCE(test_epoch),
	ONCE(test_strange_epoch),
	ONCE(test_short_epoch),
	ONCE(test_no_epoch),
};

SUITE("area", tests)
