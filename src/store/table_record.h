/*
 * A record of a commit, as it lies in a segment of the log and in the table of
 * that.
 */

#ifndef STORE_TABLE_RECORD_H
#define STORE_TABLE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/* The databases, in the order in which they are folded. */
enum table_db {
	DB_META,
	DB_BUCKETS,
	DB_ENTRIES,
	DB_EXPIRIES,
	DB_DROPPED,
	DB_OUTCOMES,
	DB_COUNT
};

/* Of a key, in bytes: LMDB's own limit is 511. */
#define TABLE_KEY_MAX 510

/* In the image, with the key and the value behind it; at a multiple of 8. */
struct table_record {
	uint32_t older; /* where the version before this is; 0: there is none */
	uint32_t commit; /* where its commit is */
	uint32_t value_size;
	uint16_t key_size;
	uint8_t db; /* enum table_db */
	uint8_t deleted : 1; /* the key has no value from here on */
	uint8_t quiet : 1; /* no change that subscribers are told of */
	/* The first version of an entry, put without a look whether data.mdb
	 * has one already: see store_count.c. */
	uint8_t open : 1;
	uint8_t zero : 5;
};

static inline struct bytes
table_record_key(const struct table_record *r)
{
	return (struct bytes){ r + 1, r->key_size };
}

static inline struct bytes
table_record_value(const struct table_record *r)
{
	return (struct bytes){ (const uint8_t *)(r + 1) + r->key_size,
		r->value_size };
}

/* Where the record behind this one begins. */
static inline size_t
table_record_size(const struct table_record *r)
{
	return (sizeof(*r) + r->key_size + r->value_size + 7) / 8 * 8;
}

#endif
