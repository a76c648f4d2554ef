/*
 * A table: what one segment of the log holds, in memory.  Its image is the
 * segment's file byte by byte; its index finds the versions of a key, and its
 * order the keys of one database from any place on.
 *
 * Every record that is put stays, as a version, until the table is reset: a
 * view of an earlier revision goes on finding its own.  The commit that is
 * being made lies behind the others; to take it back, or a part of it, is to
 * cut the table off where it was.
 */

#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "store/segment.h"
#include "store/table_record.h"

struct sorted_record;

struct table_key {
	uint32_t newest; /* where its last version is */
	uint32_t chain; /* the next key in its chain: 1 + its number; 0: none */
	uint32_t hash;
};

struct table_ordered {
	uint32_t number; /* of the key */
	uint32_t first; /* where its first version is: to read the key there */
};

/* The rest of a run of ordered keys, while somebody goes through them. */
struct table_rest {
	uint32_t at, end; /* in `order` */
};

struct table {
	uint8_t *image;
	size_t capacity; /* of the image, in bytes */
	size_t end; /* of the last record */
	uint32_t commit; /* where the commit under way is */
	uint64_t revision; /* no record is of a later one */
	uint64_t hash_key[2];
	uint32_t *heads; /* of the chains: 1 + number of a key; 0: none */
	uint32_t mask; /* the chains are a power of two */
	struct table_key *keys; /* as they came; room for keys_max */
	uint32_t n_keys, keys_max;
	uint64_t records;
	/* All keys; of the first n_ordered each run is in order. */
	struct table_ordered *order;
	uint32_t n_ordered;
	struct sorted_record *sorted; /* room to sort the next run in */
	struct table_rest *walk; /* a heap; its top is where the walk is */
	uint32_t n_walk; /* 0: nobody goes through the keys */
	uint64_t generation; /* of the segment */
	unsigned int holders; /* the store, and pins */
	/* Where the commits are that have records.  Their revisions follow one
	 * another from the first on. */
	uint32_t *commits;
	uint32_t n_commits, commits_max;
	uint64_t first_revision;
};

/* A place to which a table can be cut off. */
struct table_mark {
	size_t end;
	uint32_t n_keys;
	uint64_t records;
};

/* An empty table, held once, or NULL. */
struct table *table_new(size_t capacity, const uint64_t hash_key[2]);
struct table *table_hold(struct table *);
/* NULL is fine. */
void table_drop(struct table *);
/* Empties it.  It is held by nobody else. */
void table_reset(struct table *, uint64_t generation);

static inline const struct table_record *
table_record_at(const struct table *t, size_t at)
{
	return (const void *)(t->image + at);
}

/* The last version of the key. */
static inline const struct table_record *
table_newest(const struct table *t, const struct table_key *k)
{
	return table_record_at(t, k->newest);
}

uint64_t table_revision(const struct table *, const struct table_record *);
/* The version of the key that a view of this revision sees, or NULL. */
const struct table_record *table_version(const struct table *,
    const struct table_key *, uint64_t revision);
/* Where a key is, or would be.  Holds until something is put or cut off. */
struct table_place {
	enum table_db db;
	struct bytes key;
	uint32_t hash;
	uint32_t number; /* 1 + that of the key; 0: it is not there */
};
struct table_place table_place(const struct table *, enum table_db,
    struct bytes key);
/* The same for who looks in two tables, with the key's hash, which is the same
 * in all tables that have the same hash_key. */
uint32_t table_hash(const struct table *, enum table_db, struct bytes key);
struct table_place table_place_hashed(const struct table *, enum table_db,
    struct bytes key, uint32_t hash);
/* Fetches what table_place_hashed() will read first into the processor's
 * cache. */
static inline void
table_prefetch(const struct table *t, uint32_t hash)
{
	__builtin_prefetch(&t->heads[hash & t->mask]);
}
/* What it will read next: the key, once that was fetched, and then the key's
 * last version, once this was. */
static inline void
table_prefetch_key(const struct table *t, uint32_t hash)
{
	uint32_t n = t->heads[hash & t->mask];

	if (n != 0)
		__builtin_prefetch(&t->keys[n - 1]);
}
static inline void
table_prefetch_record(const struct table *t, uint32_t hash)
{
	uint32_t n = t->heads[hash & t->mask];

	if (n != 0)
		__builtin_prefetch(t->image + t->keys[n - 1].newest);
}
/* As table_version(), for a place.  NULL also if the key is not there. */
const struct table_record *table_get(const struct table *,
    const struct table_place *, uint64_t revision);

static inline const struct table_record *
table_find(const struct table *t, enum table_db db, struct bytes key,
    uint64_t revision)
{
	const struct table_place place = table_place(t, db, key);

	return table_get(t, &place, revision);
}

/*
 * Begins a commit at `start` of the image, with this revision.  Records are
 * put, and then the segment appends what lies from there to `end`.
 */
void table_begin(struct table *, size_t start, uint64_t revision);
/*
 * Puts a record; the caller fills in its value.  NULL: it does not fit in
 * front of `limit`, or there are too many keys.
 */
uint8_t *table_put(struct table *, const struct table_place *,
    size_t value_size, bool deleted, size_t limit);
/* The record whose value table_put() has returned, to be marked. */
static inline struct table_record *
table_record_of(uint8_t *value, struct bytes key)
{
	return (struct table_record *)(void *)(value - key.size) - 1;
}
/* Adds the records of a commit that the segment has read.  False: they are
 * malformed. */
bool table_replay(struct table *, const struct segment_commit *);
/* The same without an index, for who only goes through all of it. */
bool table_append(struct table *, const struct segment_commit *);
/* A commit that has records is complete: table_commit() finds it from now on. */
void table_add_commit(struct table *, const struct segment_commit *);
/* NULL: the table has no such commit. */
const struct segment_commit *table_commit(const struct table *,
    uint64_t revision);

struct table_mark table_mark(const struct table *);
/* Takes back what was put since. */
void table_cut(struct table *, struct table_mark);

/* The first key of the database that is not less, the one behind it, or NULL.
 * What is put meanwhile may be missed. */
struct table_key *table_seek(struct table *, enum table_db, struct bytes key);
struct table_key *table_after(struct table *, struct table_key *);
/* The first version of the key that one of these has returned last. */
const struct table_record *table_walk_first(const struct table *);

#endif
