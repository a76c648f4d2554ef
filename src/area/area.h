/*
 * The area: entries in memory that the registry writes and that workers read,
 * so that a GET need not ask the registry.  This header is the layout, and the
 * protocol by which a reader never sees what is not the truth; it has one
 * writer, the registry, and any number of readers, which only map it to read.
 *
 * The memory outlives the registry.  Either side may be killed, or stopped for
 * any time, at any instruction.
 *
 *	header	what is below
 *	names	the bucket's name -> its id, in a table of AREA_NAMES
 *	backed	a bit for each page of the sets: it has memory
 *	sets	a table by the hash of the key: AREA_WAYS slots in each set
 *	ring	segments of records; the next one replaces the oldest
 *
 * A slot is one word, place | tag | lap, or 0: it has nothing.  The place is
 * where the record is in the ring, the tag is a part of the hash, and the lap
 * is how often the ring has been gone round.  A place is used once in a lap, so
 * a slot that has the same word twice has had the same record all the time.
 *
 * EPOCH.  A word in a file of the data directory (area/epoch.h), which all kvds
 * that ever use this directory share.  It is odd when it is closed.  The area
 * is valid while the word is the header's epoch.  Whoever takes the store's lock
 * closes it first, and a registry also closes it before it lets the lock go.
 *
 * The writer
 *	drops an entry:	slot = 0, for all that a batch changes; one sequentially
 *			consistent fence; then the commit.  What was dropped is
 *			not put again before the batch has ended.
 *	puts an entry:	only what is committed.  What the place held before has
 *			lost its slot; release fence; the record; the slot
 *			(release).
 *	begins anew:	the epoch is closed; anything may be changed; the header's
 *			epoch; the word (release).
 *
 * The reader
 *	loads the epoch (acquire), and goes on if it is the header's;
 *	loads the version of the names, and finds the id of the bucket;
 *	loads the slot (acquire), and copies the record that it names;
 *	acquire fence; then the slot, the names' version and the epoch have to be
 *	what they were.  If anything is not as it should be, it asks the registry.
 *	It never tries again, so that it cannot hang.
 *
 * So the read took place when the slot was loaded: at that moment no commit to
 * the entry had begun after the one that it shows.  Several keys are read as of
 * one moment, since all slots are looked at again after the last one was
 * loaded.
 */

#ifndef AREA_AREA_H
#define AREA_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without atomic words of 64 bits nothing is shared: the registry has the area
 * for itself, and the accesses below are plain ones. */
#define AREA_CAN_SHARE (__GCC_ATOMIC_LLONG_LOCK_FREE == 2)

#define AREA_MAGIC UINT64_C(0x3161657261766b00) /* raised with the layout */
#define AREA_WAYS 8 /* a set is one line of the processor's cache */
#define AREA_NAMES 64
#define AREA_PAGE ((size_t)4096)
/* As the most common processors have them.  Where large pages have another size
 * none are made. */
#define AREA_LARGE_PAGE ((size_t)2 << 20)
#define AREA_SEGMENT ((size_t)16 << 10)
/* With less there are not three segments, besides names and table. */
#define AREA_SIZE_MIN ((size_t)96 << 10)
#define AREA_SIZE_MAX ((size_t)1 << 30)
/* Of a value.  To copy and check a larger one takes about as long as to ask the
 * registry, and a few of them would take the place of many others. */
#define AREA_VALUE_MAX 2048

/* Places are in units of 8 bytes. */
#define AREA_UNIT sizeof(uint64_t)
#define AREA_PLACE_BITS 28
#define AREA_TAG_BITS 12
#define AREA_LAP_BITS 24
#define AREA_LAP_MAX ((UINT64_C(1) << AREA_LAP_BITS) - 1)

struct area_name {
	uint64_t sequence; /* odd while it is written */
	uint64_t id; /* 0: there is none */
	uint64_t size;
	uint64_t text[256 / sizeof(uint64_t)];
};

struct area_header {
	uint64_t magic; /* 0: this memory is new */
	uint64_t size; /* bytes in use, from which the layout follows */
	uint64_t epoch; /* in which this is valid; 0: none */
	uint64_t first_lap; /* slots of earlier laps are empty */
	uint64_t lap; /* no slot has a later one */
	/* The registry's clock: clock_wall_ms() of this. */
	int64_t clock_base_ms;
	uint64_t unused[2];
	/* Changes when a name may have lost its id.  In a line of its own. */
	uint64_t names_version;
	uint64_t unused_too[7];
	struct area_name names[AREA_NAMES];
};

struct area_set {
	uint64_t slots[AREA_WAYS];
};

/* Where things are in an area of some size, in bytes from its beginning. */
struct area_layout {
	size_t backed; /* words of 64 bits */
	size_t backed_words;
	size_t sets, ring;
	size_t n_sets; /* a power of two */
	size_t n_segments;
};

/* The size is at least AREA_SIZE_MIN. */
static inline struct area_layout
area_layout(size_t size)
{
	struct area_layout l = { .backed = sizeof(struct area_header),
		.n_sets = AREA_PAGE / sizeof(struct area_set) };

	while (l.n_sets * 2 * sizeof(struct area_set) <= size / 4)
		l.n_sets *= 2;
	l.backed_words =
	    l.n_sets * sizeof(struct area_set) / AREA_PAGE / 64 + 1;
	l.sets =
	    (l.backed + l.backed_words * sizeof(uint64_t) + AREA_PAGE - 1) /
	    AREA_PAGE * AREA_PAGE;
	l.ring = l.sets + l.n_sets * sizeof(struct area_set);
	l.n_segments = (size - l.ring) / AREA_SEGMENT;
	return l;
}

/* A record in the ring begins with this word; then come the bytes of the key
 * (struct entry_key) and those of the stored record (common/record.h). */
static inline uint64_t
area_record_word(uint32_t hash, size_t key_size, size_t size)
{
	return hash | (uint64_t)key_size << 32 | (uint64_t)size << 48;
}

static inline uint32_t
area_record_hash(uint64_t word)
{
	return (uint32_t)word;
}

static inline size_t
area_record_key_size(uint64_t word)
{
	return word >> 32 & UINT16_MAX;
}

static inline size_t
area_record_size(uint64_t word)
{
	return word >> 48;
}

/* Units that such a record takes in the ring. */
static inline size_t
area_record_units(uint64_t word)
{
	return 1 +
	    (area_record_key_size(word) + area_record_size(word) + AREA_UNIT -
		1) /
	    AREA_UNIT;
}

#define AREA_RECORD_UNITS_MAX                                                \
	(1 +                                                                 \
	    (sizeof(uint64_t) + 255 + 20 + AREA_VALUE_MAX + AREA_UNIT - 1) / \
		AREA_UNIT)

static inline uint64_t
area_slot(size_t place, uint32_t hash, uint64_t lap)
{
	return place |
	    (uint64_t)(hash >> (32 - AREA_TAG_BITS)) << AREA_PLACE_BITS |
	    lap << (AREA_PLACE_BITS + AREA_TAG_BITS);
}

static inline size_t
area_slot_place(uint64_t slot)
{
	return slot & ((UINT64_C(1) << AREA_PLACE_BITS) - 1);
}

static inline uint64_t
area_slot_lap(uint64_t slot)
{
	return slot >> (AREA_PLACE_BITS + AREA_TAG_BITS);
}

/* Has the slot a record, and may that be one with this hash? */
static inline bool
area_slot_may_be(uint64_t slot, uint32_t hash, uint64_t first_lap)
{
	return (slot >> AREA_PLACE_BITS & ((1 << AREA_TAG_BITS) - 1)) ==
	    hash >> (32 - AREA_TAG_BITS) &&
	    slot != 0 && area_slot_lap(slot) >= first_lap;
}

#if AREA_CAN_SHARE
#define area_load(p, order) __atomic_load_n(p, __ATOMIC_##order)
#define area_store(p, value, order) __atomic_store_n(p, value, __ATOMIC_##order)
#else
#define area_load(p, order) (*(p))
#define area_store(p, value, order) ((void)(*(p) = (value)))
#endif
#define area_fence(order) __atomic_thread_fence(__ATOMIC_##order)

/* Has the processor fetch the records that the slots of a set have with this
 * hash.  One of ordinary size is in two lines of the processor's cache. */
static inline void
area_fetch_records(const uint64_t *slots, const uint64_t *ring, uint32_t hash,
    uint64_t first_lap)
{
	const uint64_t *record;
	uint64_t slot;
	int i;

	for (i = 0; i < AREA_WAYS; i++) {
		slot = area_load(&slots[i], RELAXED);
		if (!area_slot_may_be(slot, hash, first_lap))
			continue;
		record = ring + area_slot_place(slot);
		__builtin_prefetch(record);
		__builtin_prefetch(record + 64 / AREA_UNIT);
	}
}

/* Copies words that others may be writing, or reading. */
static inline void
area_copy_out(uint64_t *to, const uint64_t *from, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		to[i] = area_load(&from[i], RELAXED);
}

static inline void
area_copy_in(uint64_t *to, const uint64_t *from, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		area_store(&to[i], from[i], RELAXED);
}

#endif
