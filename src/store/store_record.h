/*
 * Records on disk: numbers are little-endian, and a checksum is a CRC-32C
 * over the record's key and the rest of the record.
 */

#ifndef STORE_STORE_RECORD_H
#define STORE_STORE_RECORD_H

#include "store/store_lmdb.h"

void record_put_le32(uint8_t *, uint32_t);
uint32_t record_get_le32(const uint8_t *);
void record_put_le64(uint8_t *, uint64_t);
uint64_t record_get_le64(const uint8_t *);

/* LMDB's values are not const, though it does not write to them. */
MDB_val record_val(struct bytes);

/* The checksum of a record that has it at `sum_at`. */
uint32_t record_sum(MDB_val key, const uint8_t *record, size_t size,
    size_t sum_at);
bool record_is_sound(MDB_val key, MDB_val record, size_t sum_at);

#endif
