/*
 * Records on disk, in the databases of data.mdb and in the log (their bytes:
 * common/record.h).
 *
 *	meta	 "format" -> u32
 *		 "log", "folding", "purged": see store_fold.c; never in the log
 *		 "replaced", u64 id -> u64: see store_replaced.c; the same
 *		 "size", u64 id -> u64: see store_sizes.c; the same
 *		 "next-bucket" -> u64, the id of the next bucket
 *	buckets	 name -> u64 id, u64 entries and open puts that have replaced
 *		 one, u32 checksum
 *	entries	 u64 id, key -> u64 revision, u64 expiry, u32 checksum, value
 *	expiries u64 expiry, u64 id, key -> u32 checksum, name of the bucket
 *	dropped	 u64 id -> u64 entries, u32 checksum
 *	outcomes u64 session -> u32 checksum, reply frames
 *
 * The revision is the number of the commit that wrote the entry; the expiry
 * is in milliseconds since 1970, or 0.  An entry with an expiry has a row in
 * `expiries`, and no other has.
 */

#ifndef STORE_STORE_RECORD_H
#define STORE_STORE_RECORD_H

#include "common/record.h"
#include "store/store_lmdb.h"

/* LMDB's values are not const, though it does not write to them. */
MDB_val record_val(struct bytes);
struct bytes record_bytes(MDB_val);

static inline bool
entry_is_due(const struct store *s, uint64_t expiry)
{
	return expiry != 0 && (int64_t)expiry <= s->now_ms;
}

/* The value of a bucket's record, and where its checksum is. */
#define BUCKET_SIZE 20
#define BUCKET_SUM 16

/* store_expiry.c */

/* Puts the row of `expiries` for an entry of the known bucket. */
enum store_result expiry_put(struct store_view *, struct bytes key,
    uint64_t expiry);
enum store_result expiry_delete(struct store_view *, uint64_t expiry,
    uint64_t id, struct bytes key);
/* The key of a row. */
#define EXPIRY_KEY_HEADER (sizeof(uint64_t) + ID_SIZE)
struct expiry_key {
	uint8_t data[EXPIRY_KEY_HEADER + UINT8_MAX];
	struct bytes bytes; /* in data */
};
void expiry_key_make(struct expiry_key *, uint64_t expiry, uint64_t id,
    struct bytes key);
/* Entries of this bucket that have expired and are not removed. */
enum store_result expiry_count_due(struct store_view *, uint64_t id,
    uint64_t *count);
/* Goes through the rows that are due, from this one on; empty: from the first.
 * STORE_ABSENT: there are no more.  layer_end() is due. */
enum store_result expiry_seek_due(struct layer_cursor *, struct store_view *,
    struct bytes from);
enum store_result expiry_next_due(struct layer_cursor *);
bool expiry_is_left_over(struct store_view *, struct bytes row);
/* Removes the row of an entry of data.mdb, whose record of `entries` has this
 * key and value, in a transaction that folds or purges. */
int expiry_remove_row(struct store *, MDB_txn *, struct bytes key,
    struct bytes value, struct fold_purged *);

/* The longest key that a database has.  On a damaged page there may be longer
 * ones. */
static inline size_t
store_key_max(enum table_db db)
{
	switch (db) {
	case DB_BUCKETS:
		return UINT8_MAX;
	case DB_ENTRIES:
		return ID_SIZE + UINT8_MAX;
	case DB_EXPIRIES:
		return EXPIRY_KEY_HEADER + UINT8_MAX;
	case DB_DROPPED:
		return ID_SIZE;
	default:
		return TABLE_KEY_MAX;
	}
}

#endif
