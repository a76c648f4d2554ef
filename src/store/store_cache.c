/*
 * store_cache: records that were read lately.  Runs in the registry; trusts
 * its caller.
 */

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "store/store_cache.h"

/* A set is one line of the processor's cache. */
#define WAYS 8
#define SEGMENT_SIZE ((size_t)16 << 10)
/* With less there are not two segments. */
#define SIZE_MIN (3 * SEGMENT_SIZE)
/* What a place in the ring is counted in. */
#define UNIT 4
/* Of the records that are not found, once there is no room left. */
#define ONE_OF 8

struct slot {
	uint32_t hash;
	uint32_t place; /* in units, from 1; 0: none */
};

struct set {
	struct slot slots[WAYS];
};

/* Hashes, by their lowest bits, of what the batch has dropped.  One that is
 * there by chance costs a hit or two. */
#define DROPPED_BITS 65536

/* In the ring, with key and value behind it. */
struct record {
	uint32_t hash;
	uint16_t key_size;
	uint16_t value_size;
};

struct store_cache {
	struct set *sets; /* the table, and then the ring */
	uint8_t *ring;
	uint32_t *used; /* bytes of each segment */
	size_t size; /* of table and ring */
	uint32_t mask; /* the sets are a power of two */
	uint32_t segments;
	uint32_t segment; /* that is being filled */
	uint32_t counter; /* chooses among equals */
	bool batch_pending; /* something is set in: */
	uint8_t dropped[DROPPED_BITS / 8];
};

/* A quarter at most is the table. */
static int
divide(struct store_cache *c, size_t size)
{
	size_t sets = 1;

	while (sets * 2 * sizeof(struct set) <= size / 4)
		sets *= 2;
	c->mask = (uint32_t)(sets - 1);
	c->segments =
	    (uint32_t)((size - sets * sizeof(struct set)) / SEGMENT_SIZE);
	c->size = sets * sizeof(struct set) + c->segments * SEGMENT_SIZE;
	if ((c->used = calloc(c->segments, sizeof(c->used[0]))) == NULL)
		return -1;
	c->sets = mmap(NULL, c->size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->sets == MAP_FAILED)
		return -1;
	c->ring = (uint8_t *)(c->sets + sets);
	return 0;
}

int
store_cache_open(struct store_cache **cache, size_t size)
{
	struct store_cache *c;

	*cache = NULL;
	if (size < SIZE_MIN)
		return 0;
	if (size > STORE_CACHE_MAX)
		size = STORE_CACHE_MAX;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return -1;
	if (divide(c, size) == -1) {
		free(c->used);
		free(c);
		return -1;
	}
	*cache = c;
	return 0;
}

void
store_cache_close(struct store_cache *c)
{
	if (c == NULL)
		return;
	(void)munmap(c->sets, c->size);
	free(c->used);
	free(c);
}

static struct record *
record_at(struct store_cache *c, uint32_t place)
{
	return (void *)(c->ring + (size_t)(place - 1) * UNIT);
}

static struct slot *
find(struct store_cache *c, struct bytes key, uint32_t hash)
{
	struct set *set = &c->sets[hash & c->mask];
	struct record *r;
	int i;

	for (i = 0; i < WAYS; i++) {
		if (set->slots[i].hash != hash || set->slots[i].place == 0)
			continue;
		r = record_at(c, set->slots[i].place);
		if (r->key_size == key.size &&
		    memcmp(r + 1, key.data, key.size) == 0)
			return &set->slots[i];
	}
	return NULL;
}

bool
store_cache_get(struct store_cache *c, struct bytes key, struct bytes *value)
{
	struct record *r;
	struct slot *slot;

	if (c == NULL ||
	    (slot = find(c, key, crc32c(0, key.data, key.size))) == NULL)
		return false;
	r = record_at(c, slot->place);
	value->data = (uint8_t *)(r + 1) + r->key_size;
	value->size = r->value_size;
	return true;
}

void
store_cache_invalidate(struct store_cache *c, struct bytes key)
{
	struct slot *slot;
	uint32_t hash;

	if (c == NULL)
		return;
	hash = crc32c(0, key.data, key.size);
	c->dropped[hash % DROPPED_BITS / 8] |= (uint8_t)(1 << hash % 8);
	c->batch_pending = true;
	if ((slot = find(c, key, hash)) != NULL)
		slot->place = 0;
}

void
store_cache_end_batch(struct store_cache *c)
{
	if (c == NULL || !c->batch_pending)
		return;
	memset(c->dropped, 0, sizeof(c->dropped));
	c->batch_pending = false;
}

static bool
is_dropped(const struct store_cache *c, uint32_t hash)
{
	return c->dropped[hash % DROPPED_BITS / 8] >> hash % 8 & 1;
}

static size_t
record_size(size_t key_size, size_t value_size)
{
	return (sizeof(struct record) + key_size + value_size + UNIT - 1) /
	    UNIT * UNIT;
}

/* Gives up all that the segment has. */
static void
empty(struct store_cache *c, uint32_t segment)
{
	size_t start = (size_t)segment * SEGMENT_SIZE, at = 0;
	struct record *r;
	struct set *set;
	uint32_t place;
	int i;

	for (; at < c->used[segment];
	     at += record_size(r->key_size, r->value_size)) {
		place = (uint32_t)((start + at) / UNIT) + 1;
		r = record_at(c, place);
		set = &c->sets[r->hash & c->mask];
		for (i = 0; i < WAYS; i++)
			if (set->slots[i].place == place)
				set->slots[i].place = 0;
	}
	c->used[segment] = 0;
}

/* Returns a place for a record of this size. */
static uint32_t
take_place(struct store_cache *c, size_t size)
{
	size_t at;

	if (c->used[c->segment] + size > SEGMENT_SIZE) {
		c->segment = (c->segment + 1) % c->segments;
		empty(c, c->segment);
	}
	at = (size_t)c->segment * SEGMENT_SIZE + c->used[c->segment];
	c->used[c->segment] += (uint32_t)size;
	return (uint32_t)(at / UNIT) + 1;
}

/* One that is free, or one of the others. */
static struct slot *
choose_slot(struct store_cache *c, uint32_t hash)
{
	struct set *set = &c->sets[hash & c->mask];
	int i;

	for (i = 0; i < WAYS; i++)
		if (set->slots[i].place == 0)
			return &set->slots[i];
	/* While only one of some is taken, the counter goes in such steps. */
	return &set->slots[c->counter++ / ONE_OF % WAYS];
}

void
store_cache_put(struct store_cache *c, struct bytes key, struct bytes value)
{
	struct record *r;
	struct slot *slot;
	uint32_t hash, place;

	if (c == NULL ||
	    record_size(key.size, value.size) > STORE_CACHE_RECORD_MAX)
		return;
	hash = crc32c(0, key.data, key.size);
	if (is_dropped(c, hash))
		return;
	if (c->used[(c->segment + 1) % c->segments] > 0 &&
	    c->counter++ % ONE_OF != 0)
		return;
	place = take_place(c, record_size(key.size, value.size));
	r = record_at(c, place);
	*r = (struct record){ hash, (uint16_t)key.size, (uint16_t)value.size };
	memcpy(r + 1, key.data, key.size);
	memcpy((uint8_t *)(r + 1) + key.size, value.data, value.size);
	/* Not before there is a place: to make it may have freed some. */
	slot = choose_slot(c, hash);
	*slot = (struct slot){ hash, place };
}
