/*
 * The format of a backup: a stream of records, in the order of data.mdb, that
 * can be written to a pipe and read from one.
 *
 *	header	magic, u32 format, u32 data format, u64 store id, u64 revision,
 *		i64 time, u64 entries, 4 u64 totals, u32 checksum
 *	block	u32 magic, u32 size, u32 checksum of these, u32 checksum;
 *		records: u8 database, u8 0, u16 size of the key, u32 size of
 *		the value, key, value
 *	...
 *	end	a block without records
 *
 * Numbers are little-endian.  A checksum is a CRC-32C that continues the one
 * before it, from the header on: that of the end is one over all of the stream.
 */

#ifndef STORE_BACKUP_STREAM_H
#define STORE_BACKUP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define BACKUP_FORMAT 1

struct backup_head {
	uint32_t format, data_format;
	uint64_t store_id; /* of the store that was copied */
	uint64_t revision;
	int64_t time_ms; /* since 1970 */
	uint64_t entries; /* records of `entries`, to show how far it is */
	uint64_t
	    totals[4]; /* buckets, keys, expiring, dropped: see segment.h */
};

/* Writes or reads exactly so much.  0, or -1 with errno; reading fails with
 * errno 0 where the stream ends. */
typedef int backup_write(void *arg, const void *data, size_t size);
typedef int backup_read(void *arg, void *data, size_t size);

struct backup_stream {
	backup_write *write;
	backup_read *read;
	void *arg;
	uint32_t sum;
	uint8_t *block; /* with its header when it is written */
	size_t block_size; /* of the memory */
	size_t size; /* bytes in it */
	size_t at; /* the next record, when it is read */
};

/* Both return 0, or -1 with errno.  backup_end() is due however it goes. */
int backup_begin(struct backup_stream *, backup_write *, void *arg,
    const struct backup_head *);
int backup_put(struct backup_stream *, unsigned int db, struct bytes key,
    struct bytes value);
/* Writes the end. */
int backup_finish(struct backup_stream *);

enum backup_result {
	BACKUP_OK,
	BACKUP_END,
	BACKUP_NONE, /* it is no backup */
	BACKUP_NEWER, /* head->format is newer than this */
	BACKUP_CUT, /* it ends too early */
	BACKUP_DAMAGED,
	BACKUP_FAILED, /* see errno */
};

enum backup_result backup_open(struct backup_stream *, backup_read *, void *arg,
    struct backup_head *);
/* The next record; it is valid until the next call. */
enum backup_result backup_next(struct backup_stream *, unsigned int *db,
    struct bytes *key, struct bytes *value);
/* Frees the memory. */
void backup_end(struct backup_stream *);

#endif
