/*
 * A worker's end of the area (area/area.h): reads entries of a bucket as of one
 * moment, without a system call.
 *
 *	if (reader_begin(r, bucket) && reader_take(r, key, &value) &&
 *	    reader_end(r))
 *		...
 *
 * False, at any of these: it is not known here; ask the registry.  Nothing that
 * was taken may be used before reader_end() has returned true.
 */

#ifndef AREA_READER_H
#define AREA_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "area/area.h"
#include "common/bytes.h"

/* Keys that can be read as of one moment, and the memory for their records. */
#define READER_KEYS 16
#define READER_WORDS 1024

struct reader_seen {
	const uint64_t *slot;
	uint64_t value;
};

struct reader {
	/* The mappings.  `epoch` is NULL: there is no area. */
	const uint64_t *epoch;
	const uint8_t *memory;
	const struct area_header *header; /* the same */
	size_t size;
	uint8_t *hot;
	size_t hot_size;

	/* What does not change in an epoch. */
	uint64_t number; /* of the epoch; 0: none is known */
	uint64_t first_lap;
	int64_t clock_base_ms;
	struct area_layout layout;

	/* The bucket that was used last. */
	uint64_t names_version;
	uint64_t id; /* 0: none */
	size_t name_size;
	uint8_t name[UINT8_MAX];

	/* The read under way. */
	size_t n_seen, n_words;
	struct reader_seen seen[READER_KEYS];
	uint64_t words[READER_WORDS]; /* last: seldom used to the end */
};

/*
 * Acceptor: maps what these descriptors have.  They are not needed after that,
 * and processes that are forked inherit the mappings.  Returns 0, or -1 with
 * errno; then there is no area.
 */
int reader_open(struct reader *, int area_fd, int hot_fd, int epoch_fd);

/* Begins a read of entries of this bucket. */
bool reader_begin(struct reader *, struct bytes bucket);
/* Reads one.  The value is valid until the next reader_begin(). */
bool reader_take(struct reader *, struct bytes key, struct bytes *value);
/*
 * Have the processor fetch what reads of several keys will need, all at a time:
 * the first for each key, then the second with what the first has returned.  So
 * a read need not wait for memory three times.  The keys are of the bucket that
 * was read last; without one nothing happens, and nothing depends on this.
 */
bool reader_can_fetch(const struct reader *);
uint32_t reader_fetch_slots(const struct reader *, struct bytes key);
void reader_fetch_record(const struct reader *, uint32_t hash);
/* Were all of them true at one moment since reader_begin()? */
bool reader_end(struct reader *);

#endif
