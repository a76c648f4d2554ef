/*
 * reader: reads the area.  Runs in the worker, which trusts the registry, but
 * not that the memory is what the registry has written.
 */

#include <sys/mman.h>

#include <string.h>

#include "area/epoch.h"
#include "area/memory.h"
#include "area/names.h"
#include "area/reader.h"
#include "common/clock.h"
#include "common/crc32c.h"
#include "common/record.h"

int
reader_open(struct reader *r, int area_fd, int hot_fd, int epoch_fd)
{
	const uint64_t *epoch;

	memset(r, 0, offsetof(struct reader, seen));
	if (!AREA_CAN_SHARE || (epoch = epoch_map(epoch_fd)) == NULL ||
	    (r->memory = area_memory_map(area_fd, PROT_READ, AREA_SIZE_MIN,
		 &r->size)) == NULL ||
	    (r->hot = area_memory_map(hot_fd, PROT_READ | PROT_WRITE, 1,
		 &r->hot_size)) == NULL)
		return -1;
	r->header = (const void *)r->memory;
	r->epoch = epoch;
	return 0;
}

/* Another epoch has begun: reads what is valid throughout it. */
static bool
use_epoch(struct reader *r, uint64_t number)
{
	const struct area_header *h = r->header;
	size_t size;

	r->number = r->id = 0;
	if ((number & 1) != 0 || area_load(&h->epoch, RELAXED) != number ||
	    area_load(&h->magic, RELAXED) != AREA_MAGIC)
		return false;
	size = area_load(&h->size, RELAXED);
	r->first_lap = area_load(&h->first_lap, RELAXED);
	r->clock_base_ms = area_load(&h->clock_base_ms, RELAXED);
	if (size < AREA_SIZE_MIN || size > r->size)
		return false;
	r->layout = area_layout(size);
	if (r->layout.n_sets > r->hot_size)
		return false;
	area_fence(ACQUIRE);
	if (area_load(r->epoch, RELAXED) != number)
		return false;
	r->number = number;
	return true;
}

static bool
use_bucket(struct reader *r, struct bytes bucket, uint64_t version)
{
	r->id = 0;
	if (bucket.size == 0 || bucket.size > sizeof(r->name) ||
	    (r->id = names_find(r->header, bucket)) == 0)
		return false;
	memcpy(r->name, bucket.data, bucket.size);
	r->name_size = bucket.size;
	r->names_version = version;
	return true;
}

bool
reader_begin(struct reader *r, struct bytes bucket)
{
	uint64_t number, version;

	if (r->epoch == NULL)
		return false;
	r->n_seen = r->n_words = 0;
	number = area_load(r->epoch, ACQUIRE);
	if (number != r->number && !use_epoch(r, number))
		return false;
	version = area_load(&r->header->names_version, ACQUIRE);
	return (r->id != 0 && r->names_version == version &&
		   bytes_equal((struct bytes){ r->name, r->name_size },
		       bucket)) ||
	    use_bucket(r, bucket, version);
}

/* Copies a record.  False: it would not lie in the ring, is another one, or
 * there is no room for it. */
static bool
copy(struct reader *r, uint64_t slot, uint32_t hash, size_t key_size,
    const uint64_t **record)
{
	size_t place = area_slot_place(slot), units;
	size_t end = r->layout.n_segments * (AREA_SEGMENT / AREA_UNIT);
	const uint64_t *from =
	    (const void *)(r->memory + r->layout.ring + place * AREA_UNIT);
	uint64_t word;

	if (place >= end)
		return false;
	word = area_load(from, RELAXED);
	units = area_record_units(word);
	if (area_record_hash(word) != hash ||
	    area_record_key_size(word) != key_size || units > end - place ||
	    units > READER_WORDS - r->n_words)
		return false;
	*record = r->words + r->n_words;
	r->words[r->n_words] = word;
	area_copy_out(r->words + r->n_words + 1, from + 1, units - 1);
	return true;
}

/* Has the entry expired, by the registry's clock?  Then only the registry knows
 * whether it is still there. */
static bool
is_due(const struct reader *r, struct bytes record)
{
	uint64_t expiry = entry_expiry(record);

	return expiry != 0 &&
	    (int64_t)expiry <= clock_wall_ms(r->clock_base_ms);
}

/* Is it the record of this key?  Then its value. */
static bool
check(const struct reader *r, const uint64_t *record, struct bytes key,
    struct bytes *value)
{
	const uint8_t *p = (const uint8_t *)(record + 1);
	struct bytes stored = { p + key.size, area_record_size(record[0]) };

	if (memcmp(p, key.data, key.size) != 0 || stored.size < ENTRY_HEADER ||
	    !record_is_sound(key, stored, ENTRY_SUM) || is_due(r, stored))
		return false;
	*value = (struct bytes){ (const uint8_t *)stored.data + ENTRY_HEADER,
		stored.size - ENTRY_HEADER };
	return true;
}

static void
mark_hot(const struct reader *r, size_t set, size_t way)
{
	uint8_t marks = area_load(&r->hot[set], RELAXED);

	if ((marks >> way & 1) == 0)
		area_store(&r->hot[set], (uint8_t)(marks | 1 << way), RELAXED);
}

/* A page of the table that has no memory would get some if it were read. */
static const uint64_t *
find_set(const struct reader *r, uint32_t hash, size_t *set)
{
	const uint64_t *backed = (const void *)(r->memory + r->layout.backed);
	const struct area_set *sets =
	    (const void *)(r->memory + r->layout.sets);
	size_t page;

	*set = hash & (r->layout.n_sets - 1);
	page = *set * sizeof(*sets) / AREA_PAGE;
	if ((area_load(&backed[page / 64], ACQUIRE) >> page % 64 & 1) == 0)
		return NULL;
	return sets[*set].slots;
}

bool
reader_can_fetch(const struct reader *r)
{
	return r->epoch != NULL && r->id != 0 && r->number != 0 &&
	    area_load(r->epoch, ACQUIRE) == r->number;
}

uint32_t
reader_fetch_slots(const struct reader *r, struct bytes key)
{
	const uint64_t *slots;
	struct entry_key k;
	uint32_t hash;
	size_t set;

	entry_key_make(&k, r->id, key);
	hash = crc32c(0, k.bytes.data, k.bytes.size);
	if ((slots = find_set(r, hash, &set)) != NULL) {
		__builtin_prefetch(slots);
		__builtin_prefetch(&r->hot[set]);
	}
	return hash;
}

void
reader_fetch_record(const struct reader *r, uint32_t hash)
{
	const uint64_t *ring = (const void *)(r->memory + r->layout.ring);
	const uint64_t *slots;
	size_t set;

	if ((slots = find_set(r, hash, &set)) != NULL)
		area_fetch_records(slots, ring, hash, r->first_lap);
}

bool
reader_take(struct reader *r, struct bytes key, struct bytes *value)
{
	const uint64_t *slots, *record;
	struct entry_key k;
	size_t set, way;
	uint64_t slot;
	uint32_t hash;

	if (key.size == 0 || key.size > UINT8_MAX || r->n_seen == READER_KEYS)
		return false;
	entry_key_make(&k, r->id, key);
	hash = crc32c(0, k.bytes.data, k.bytes.size);
	if ((slots = find_set(r, hash, &set)) == NULL)
		return false;
	for (way = 0; way < AREA_WAYS; way++) {
		slot = area_load(&slots[way], ACQUIRE);
		if (!area_slot_may_be(slot, hash, r->first_lap) ||
		    !copy(r, slot, hash, k.bytes.size, &record) ||
		    !check(r, record, k.bytes, value))
			continue;
		r->n_words += area_record_units(record[0]);
		r->seen[r->n_seen++] =
		    (struct reader_seen){ &slots[way], slot };
		mark_hot(r, set, way);
		return true;
	}
	return false;
}

bool
reader_end(struct reader *r)
{
	size_t i;

	area_fence(ACQUIRE);
	for (i = 0; i < r->n_seen; i++)
		if (area_load(r->seen[i].slot, ACQUIRE) != r->seen[i].value)
			return false;
	return area_load(&r->header->names_version, ACQUIRE) ==
	    r->names_version &&
	    area_load(r->epoch, ACQUIRE) == r->number;
}
