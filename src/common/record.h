/*
 * The bytes of stored records, in data.mdb, in the log and in the shared cache.
 * Numbers are little-endian, but for those in keys, which are big-endian so
 * that they lie in their order.
 *
 * A checksum is a CRC-32C over the record's key and the rest of the record.
 */

#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define ID_SIZE sizeof(uint64_t)

void record_put_le32(uint8_t *, uint32_t);
uint32_t record_get_le32(const uint8_t *);
void record_put_le64(uint8_t *, uint64_t);
uint64_t record_get_le64(const uint8_t *);
void record_put_be64(uint8_t *, uint64_t);
uint64_t record_get_be64(const uint8_t *);

/* The checksum of a record that has it at `sum_at`. */
uint32_t record_sum(struct bytes key, const uint8_t *record, size_t size,
    size_t sum_at);
bool record_is_sound(struct bytes key, struct bytes record, size_t sum_at);

/* An entry: u64 revision, u64 expiry, u32 checksum, value.  The size of what is
 * in front of the value, and the offset of the checksum in it. */
#define ENTRY_HEADER 20
#define ENTRY_SUM 16

/* The key of an entry: the bucket's id, and its name in the bucket. */
struct entry_key {
	uint8_t data[ID_SIZE + UINT8_MAX];
	struct bytes bytes; /* in data */
};

void entry_key_make(struct entry_key *, uint64_t id, struct bytes key);
/* Reads a record's header; what is too short for one has expiry 0. */
uint64_t entry_expiry(struct bytes record);

#endif
