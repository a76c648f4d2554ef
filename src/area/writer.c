/*
 * writer: the area as the registry writes it.  Runs in the registry, which
 * alone writes; what readers may do to the memory of hot marks matters little.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "area/area.h"
#include "area/names.h"
#include "area/writer.h"
#include "common/crc32c.h"

/* Of the records that are not found, once the ring is full. */
#define ONE_OF 8
/* Units of a segment that may be given to records that are put again, so that
 * there is room for others. */
#define KEPT_UNITS (AREA_SEGMENT / AREA_UNIT * 3 / 4)
#define SEGMENTS_OF_PAGE (AREA_LARGE_PAGE / AREA_SEGMENT)
/* Hashes, by their lowest bits, of what the batch has dropped.  One that is
 * there by chance costs a hit or two. */
#define DROPPED_BITS 65536
/* Bytes of keys that were there when the batch dropped them. */
#define AGAIN_SIZE 65536

struct area_writer {
	struct area_header *header; /* NULL: it has no size */
	uint8_t *memory; /* the same */
	size_t mapped; /* bytes */
	struct area_layout layout;
	const struct area_memory *shared; /* where it comes from */
	const struct epoch *epoch;
	int64_t clock_base_ms;
	uint64_t *backed;
	struct area_set *sets;
	uint64_t *ring;
	uint8_t *hot; /* a byte for each set, and a bit for each slot */
	size_t hot_size;

	uint64_t lap;
	size_t segment; /* that is being filled */
	size_t room; /* units that it has left */
	size_t high; /* segments that were filled once, and have memory */
	size_t n_segments; /* that are used: less, when memory is short */
	uint16_t *used; /* units of each segment */
	bool page_filled; /* a large page of the ring, since this was asked */
	uint64_t counter; /* chooses among equals */
	bool empty; /* nothing was ever put */

	bool batch_pending; /* something is set in: */
	bool names_held; /* the batch has changed which names there are */
	uint8_t dropped[DROPPED_BITS / 8];
	size_t again_size;
	uint8_t again[AGAIN_SIZE]; /* size and bytes of keys */
};

struct area_writer *
area_writer_open(const struct area_memory *shared, const struct epoch *epoch,
    int64_t clock_base_ms)
{
	struct area_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	if (shared->write_fd != -1 && epoch->word != NULL && AREA_CAN_SHARE)
		w->shared = shared;
	w->epoch = epoch;
	w->clock_base_ms = clock_base_ms;
	return w;
}

bool
area_writer_is_shared(const struct area_writer *w)
{
	return w != NULL && w->header != NULL && w->shared != NULL;
}

static void
close_area(struct area_writer *w)
{
	if (w->shared != NULL)
		epoch_close(w->epoch);
}

static void
begin_epoch(struct area_writer *w)
{
	static const struct epoch mine = { NULL, -1 };
	const struct epoch *e = w->shared != NULL ? w->epoch : &mine;
	uint64_t number = epoch_next(e, w->header->epoch);

	area_store(&w->header->epoch, number, RELAXED);
	epoch_begin(e, number);
}

static void
unmap(struct area_writer *w)
{
	if (w->memory == NULL)
		return;
	close_area(w);
	(void)munmap(w->memory, w->mapped);
	(void)munmap(w->hot, w->hot_size);
	free(w->used);
	w->memory = NULL;
	w->header = NULL;
	w->used = NULL;
}

void
area_writer_close(struct area_writer *w)
{
	if (w == NULL)
		return;
	unmap(w);
	free(w);
}

static void *
map_private(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void *
map_shared(int fd, size_t *size)
{
	return area_memory_map(fd, PROT_READ | PROT_WRITE, 1, size);
}

/* Sets *size to what it can be. */
static int
map(struct area_writer *w, size_t *size)
{
	if (w->shared != NULL)
		w->memory = map_shared(w->shared->write_fd, &w->mapped);
	else
		w->memory = map_private(w->mapped = *size);
	if (w->memory == NULL)
		return -1;
	if (*size > w->mapped)
		*size = w->mapped;
	w->hot_size = area_layout(*size).n_sets;
	if (w->shared != NULL)
		w->hot = map_shared(w->shared->hot_fd, &w->hot_size);
	else
		w->hot = map_private(w->hot_size);
	if (w->hot != NULL)
		return 0;
	(void)munmap(w->memory, w->mapped);
	w->memory = NULL;
	return -1;
}

/* Gives the pages of a part of the area memory.  If they got it when they are
 * written to, the process would be killed when there is none. */
static bool
back(struct area_writer *w, size_t at, size_t size)
{
	int rc = 0;

	if (w->shared == NULL)
		return true;
	do
		rc = fallocate(w->shared->write_fd, 0, (off_t)at, (off_t)size);
	while (rc == -1 && errno == EINTR);
	return rc == 0;
}

/* Frees all memory that is shared, also what an earlier registry has left; it is
 * zero then, as that of one's own is which was mapped just now. */
static int
wipe(struct area_writer *w)
{
	struct stat st;

	if (w->shared == NULL)
		return 0;
	if (fstat(w->shared->write_fd, &st) == -1)
		return -1;
	return fallocate(w->shared->write_fd,
	    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st.st_size);
}

static void
find_parts(struct area_writer *w)
{
	w->backed = (void *)(w->memory + w->layout.backed);
	w->sets = (void *)(w->memory + w->layout.sets);
	w->ring = (void *)(w->memory + w->layout.ring);
}

/* The slots that another registry has filled are as good as empty when the
 * first lap is behind theirs.  What it was just doing does not matter. */
static int
take_over(struct area_writer *w, size_t size)
{
	struct area_header *h = w->header;
	uint64_t epoch;

	if (!back(w, 0, w->layout.sets))
		return -1;
	epoch = h->epoch; /* the next one has to be another */
	if (h->magic != AREA_MAGIC || h->size != size ||
	    h->lap >= AREA_LAP_MAX) {
		if (wipe(w) == -1 || !back(w, 0, w->layout.sets))
			return -1;
		h->magic = AREA_MAGIC;
		h->size = size;
		h->epoch = epoch;
	}
	w->lap = h->lap;
	h->first_lap = w->lap + 1;
	h->clock_base_ms = w->clock_base_ms;
	names_clear(h);
	return 0;
}

int
area_writer_resize(struct area_writer *w, size_t size)
{
	unmap(w);
	if (size < AREA_SIZE_MIN)
		return wipe(w);
	if (size > AREA_SIZE_MAX)
		size = AREA_SIZE_MAX;
	if (map(w, &size) == -1)
		return -1;
	close_area(w);
	w->header = (void *)w->memory;
	w->layout = area_layout(size);
	find_parts(w);
	w->n_segments = w->layout.n_segments;
	w->segment = w->n_segments - 1; /* the next one is the first */
	w->room = w->high = 0;
	w->empty = true;
	w->used = calloc(w->n_segments, sizeof(w->used[0]));
	if (w->used == NULL || take_over(w, size) == -1) {
		unmap(w);
		return -1;
	}
	begin_epoch(w);
	return 0;
}

/* The page of the table that has this set. */
static size_t
page_of(size_t set)
{
	return set * sizeof(struct area_set) / AREA_PAGE;
}

static bool
is_backed(const struct area_writer *w, size_t page)
{
	return w->backed[page / 64] >> page % 64 & 1;
}

static bool
back_page(struct area_writer *w, size_t page)
{
	if (is_backed(w, page))
		return true;
	if (!back(w, w->layout.sets + page * AREA_PAGE, AREA_PAGE))
		return false;
	area_store(&w->backed[page / 64],
	    w->backed[page / 64] | UINT64_C(1) << page % 64, RELEASE);
	return true;
}

static uint64_t *
record_at(struct area_writer *w, size_t place)
{
	return w->ring + place;
}

static size_t
set_of(const struct area_writer *w, uint32_t hash)
{
	return hash & (w->layout.n_sets - 1);
}

/* Does the ring have a whole record there?  It has, unless the memory is bad: a
 * registry must not die of that, for its successor has the same memory. */
static bool
is_record(struct area_writer *w, size_t place)
{
	size_t end = w->layout.n_segments * (AREA_SEGMENT / AREA_UNIT);

	return place < end &&
	    area_record_units(*record_at(w, place)) <= end - place;
}

/* The place of the slot in the set, or -1. */
static int
find(struct area_writer *w, struct bytes key, uint32_t hash)
{
	size_t set = set_of(w, hash);
	const uint64_t *slots = w->sets[set].slots, *r;
	int i;

	if (!is_backed(w, page_of(set)))
		return -1;
	for (i = 0; i < AREA_WAYS; i++) {
		if (!area_slot_may_be(slots[i], hash, w->header->first_lap) ||
		    !is_record(w, area_slot_place(slots[i])))
			continue;
		r = record_at(w, area_slot_place(slots[i]));
		if (area_record_key_size(*r) == key.size &&
		    memcmp(r + 1, key.data, key.size) == 0)
			return i;
	}
	return -1;
}

static void
mark_hot(struct area_writer *w, size_t set, int way)
{
	uint8_t marks = area_load(&w->hot[set], RELAXED);

	if ((marks >> way & 1) == 0)
		area_store(&w->hot[set], (uint8_t)(marks | 1 << way), RELAXED);
}

static bool
take_hot_mark(struct area_writer *w, size_t set, int way)
{
	uint8_t marks = area_load(&w->hot[set], RELAXED);

	if ((marks >> way & 1) == 0)
		return false;
	area_store(&w->hot[set], (uint8_t)(marks & ~(1 << way)), RELAXED);
	return true;
}

bool
area_writer_get(struct area_writer *w, struct bytes key, struct bytes *value)
{
	const uint64_t *r;
	uint32_t hash;
	size_t set;
	int way;

	if (w == NULL || w->header == NULL || w->empty)
		return false;
	hash = crc32c(0, key.data, key.size);
	if ((way = find(w, key, hash)) == -1)
		return false;
	set = set_of(w, hash);
	r = record_at(w, area_slot_place(w->sets[set].slots[way]));
	value->data = (const uint8_t *)(r + 1) + key.size;
	value->size = area_record_size(*r);
	mark_hot(w, set, way);
	return true;
}

uint32_t
area_writer_fetch_slots(const struct area_writer *w, struct bytes key)
{
	uint32_t hash;
	size_t set;

	if (w == NULL || w->header == NULL || w->empty)
		return 0;
	hash = crc32c(0, key.data, key.size);
	set = set_of(w, hash);
	if (is_backed(w, page_of(set))) {
		__builtin_prefetch(w->sets[set].slots);
		__builtin_prefetch(&w->hot[set]);
	}
	return hash;
}

void
area_writer_fetch_record(const struct area_writer *w, uint32_t hash)
{
	size_t set;

	if (w == NULL || w->header == NULL || w->empty)
		return;
	set = set_of(w, hash);
	if (is_backed(w, page_of(set)))
		area_fetch_records(w->sets[set].slots, w->ring, hash,
		    w->header->first_lap);
}

static void
clear_slot(struct area_writer *w, uint32_t hash, int way)
{
	if (way != -1)
		area_store(&w->sets[set_of(w, hash)].slots[way], 0, RELAXED);
}

static void
remember(struct area_writer *w, struct bytes key)
{
	if (w->again_size + 2 + key.size > AGAIN_SIZE)
		return;
	w->again[w->again_size++] = (uint8_t)key.size;
	w->again[w->again_size++] = (uint8_t)(key.size >> 8);
	memcpy(w->again + w->again_size, key.data, key.size);
	w->again_size += key.size;
}

void
area_writer_drop(struct area_writer *w, struct bytes key)
{
	uint32_t hash;
	int way;

	if (w == NULL || w->header == NULL)
		return;
	hash = crc32c(0, key.data, key.size);
	w->dropped[hash % DROPPED_BITS / 8] |= (uint8_t)(1 << hash % 8);
	w->batch_pending = true;
	if (w->empty || (way = find(w, key, hash)) == -1)
		return;
	clear_slot(w, hash, way);
	remember(w, key);
}

void
area_writer_forget_name(struct area_writer *w, struct bytes name)
{
	if (w == NULL || w->header == NULL)
		return;
	names_forget(w->header, name);
	w->names_held = true;
}

void
area_writer_fence(struct area_writer *w)
{
	if (w != NULL)
		area_fence(SEQ_CST);
}

void
area_writer_end_batch(struct area_writer *w)
{
	if (w == NULL)
		return;
	w->names_held = false;
	w->again_size = 0;
	if (!w->batch_pending)
		return;
	memset(w->dropped, 0, sizeof(w->dropped));
	w->batch_pending = false;
}

bool
area_writer_next_dropped(const struct area_writer *w, size_t *at,
    struct bytes *key)
{
	const uint8_t *p;

	if (w == NULL || *at >= w->again_size)
		return false;
	p = w->again + *at;
	*key = (struct bytes){ p + 2, (size_t)(p[0] | p[1] << 8) };
	*at += 2 + key->size;
	return true;
}

void
area_writer_name(struct area_writer *w, struct bytes name, uint64_t id)
{
	if (w != NULL && w->header != NULL && !w->names_held)
		names_put(w->header, name, id);
}

static bool
is_dropped(const struct area_writer *w, uint32_t hash)
{
	return w->dropped[hash % DROPPED_BITS / 8] >> hash % 8 & 1;
}

/* Laps are numbered with few bits.  Before a number comes again, all that a
 * reader may know has to be of an earlier epoch, and all slots empty. */
static void
restart_laps(struct area_writer *w)
{
	size_t page, pages = page_of(w->layout.n_sets), i;
	uint64_t *slots;

	close_area(w);
	for (page = 0; page < pages; page++) {
		slots =
		    w->sets[page * AREA_PAGE / sizeof(struct area_set)].slots;
		for (i = 0;
		     is_backed(w, page) && i < AREA_PAGE / sizeof(uint64_t);
		     i++)
			area_store(&slots[i], 0, RELAXED);
	}
	memset(w->used, 0, w->n_segments * sizeof(w->used[0]));
	w->lap = 0;
	w->header->first_lap = 1;
	begin_epoch(w);
}

static void
begin_lap(struct area_writer *w)
{
	if (w->lap == AREA_LAP_MAX)
		restart_laps(w);
	w->lap++;
	/* A successor begins behind it, so this comes before any slot. */
	area_store(&w->header->lap, w->lap, RELEASE);
}

/* The way of the slot that has this place, or -1: it has another one by now. */
static int
find_place(struct area_writer *w, size_t place, uint32_t hash)
{
	const uint64_t *slots = w->sets[set_of(w, hash)].slots;
	int i;

	for (i = 0; i < AREA_WAYS; i++)
		if (area_slot_may_be(slots[i], hash, w->header->first_lap) &&
		    area_slot_place(slots[i]) == place)
			return i;
	return -1;
}

/* Writes a record where the open segment goes on, and then its slot. */
static void
append(struct area_writer *w, const uint64_t *record, int way)
{
	size_t place =
	    w->segment * (AREA_SEGMENT / AREA_UNIT) + w->used[w->segment];
	size_t units = area_record_units(record[0]);
	uint32_t hash = area_record_hash(record[0]);

	w->used[w->segment] += (uint16_t)units;
	w->room -= units;
	area_copy_in(record_at(w, place), record, units);
	area_store(&w->sets[set_of(w, hash)].slots[way],
	    area_slot(place, hash, w->lap), RELEASE);
}

/*
 * Empties the slots of all records that the segment has.  Those that are hot
 * are copied to `kept`.  Returns the units of these.
 */
static size_t
evict(struct area_writer *w, uint64_t *kept, int8_t *ways)
{
	size_t place = w->segment * (AREA_SEGMENT / AREA_UNIT);
	size_t end = place + w->used[w->segment], size = 0, units;
	const uint64_t *r;
	uint32_t hash;
	int way;

	for (; place < end && is_record(w, place); place += units) {
		r = record_at(w, place);
		units = area_record_units(*r);
		hash = area_record_hash(*r);
		if (!is_backed(w, page_of(set_of(w, hash))) ||
		    (way = find_place(w, place, hash)) == -1)
			continue;
		clear_slot(w, hash, way);
		if (!take_hot_mark(w, set_of(w, hash), way) ||
		    size + units > KEPT_UNITS)
			continue;
		memcpy(kept + size, r, units * AREA_UNIT);
		*ways++ = (int8_t)way;
		size += units;
	}
	/* Whoever reads anything that is written here from now on sees that
	 * these slots are empty. */
	area_fence(RELEASE);
	return size;
}

/* Opens the next segment.  False: there is no memory for it. */
static bool
next_segment(struct area_writer *w)
{
	uint64_t kept[KEPT_UNITS];
	int8_t ways[KEPT_UNITS];
	size_t size, at, i, next = (w->segment + 1) % w->n_segments;

	if (next == w->high &&
	    !back(w, w->layout.ring + next * AREA_SEGMENT, AREA_SEGMENT)) {
		if (w->high < 2)
			return false;
		w->n_segments = w->high;
		next = 0;
	}
	if (next == 0)
		begin_lap(w);
	if (next == w->high)
		w->high++;
	w->page_filled |= (w->segment + 1) % SEGMENTS_OF_PAGE == 0;
	w->segment = next;
	size = evict(w, kept, ways);
	w->used[next] = 0;
	w->room = AREA_SEGMENT / AREA_UNIT;
	for (at = i = 0; at < size; at += area_record_units(kept[at]))
		append(w, kept + at, ways[i++]);
	return true;
}

static bool
make_room(struct area_writer *w, size_t units)
{
	while (w->room < units)
		if (!next_segment(w))
			return false;
	return true;
}

/* A slot that is empty, or one that is not hot, or any. */
static int
choose_way(struct area_writer *w, size_t set)
{
	const uint64_t *slots = w->sets[set].slots;
	uint8_t marks = area_load(&w->hot[set], RELAXED);
	/* While only one of some is put, the counter goes in such steps. */
	int way = (int)(w->counter++ / ONE_OF % AREA_WAYS), i;

	for (i = 0; i < AREA_WAYS; i++)
		if (area_slot_lap(slots[i]) < w->header->first_lap)
			return i;
	for (i = 0; i < AREA_WAYS; i++, way = (way + 1) % AREA_WAYS)
		if ((marks >> way & 1) == 0)
			return way;
	return way;
}

static void
put(struct area_writer *w, struct bytes key, struct bytes value, uint32_t hash)
{
	uint64_t record[AREA_RECORD_UNITS_MAX];
	size_t set = set_of(w, hash), units;
	int way;

	record[0] = area_record_word(hash, key.size, value.size);
	units = area_record_units(record[0]);
	if (units > 1)
		record[units - 1] = 0;
	memcpy(record + 1, key.data, key.size);
	memcpy((uint8_t *)(record + 1) + key.size, value.data, value.size);
	if (!back_page(w, page_of(set)) || !make_room(w, units))
		return;
	w->empty = false;
	/* A key never has two slots: one of them might stay. */
	clear_slot(w, hash, find(w, key, hash));
	/* Not before there is room: to make it may have emptied some. */
	way = choose_way(w, set);
	(void)take_hot_mark(w, set, way);
	append(w, record, way);
}

static bool
may_put(const struct area_writer *w, struct bytes key, struct bytes value)
{
	return w != NULL && w->header != NULL &&
	    value.size <= 20 + AREA_VALUE_MAX &&
	    key.size <= sizeof(uint64_t) + UINT8_MAX;
}

void
area_writer_put(struct area_writer *w, struct bytes key, struct bytes value)
{
	uint32_t hash;

	if (!may_put(w, key, value))
		return;
	hash = crc32c(0, key.data, key.size);
	if (is_dropped(w, hash))
		return;
	if (w->high == w->n_segments && w->counter++ % ONE_OF != 0)
		return;
	put(w, key, value, hash);
}

void
area_writer_put_again(struct area_writer *w, struct bytes key,
    struct bytes value)
{
	if (may_put(w, key, value))
		put(w, key, value, crc32c(0, key.data, key.size));
}

size_t
area_writer_filled(struct area_writer *w)
{
	if (w == NULL || w->shared == NULL || !w->page_filled)
		return 0;
	w->page_filled = false;
	return w->layout.ring + w->high * AREA_SEGMENT;
}

void
area_writer_set_lap(struct area_writer *w, uint64_t lap)
{
	w->lap = lap;
	area_store(&w->header->lap, lap, RELAXED);
}
