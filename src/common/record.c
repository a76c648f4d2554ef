/*
 * record: bytes of a record, whatever machine reads them.  Runs in the
 * registry, the checkpointer and the worker.
 */

#include <endian.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/record.h"

void
record_put_le32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

uint32_t
record_get_le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

void
record_put_le64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

uint64_t
record_get_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void
record_put_be64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

uint64_t
record_get_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

uint32_t
record_sum(struct bytes key, const uint8_t *record, size_t size, size_t sum_at)
{
	uint32_t sum;

	sum = crc32c(0, key.data, key.size);
	sum = crc32c(sum, record, sum_at);
	return crc32c(sum, record + sum_at + sizeof(sum),
	    size - sum_at - sizeof(sum));
}

bool
record_is_sound(struct bytes key, struct bytes record, size_t sum_at)
{
	const uint8_t *p = record.data;

	return record.size >= sum_at + sizeof(uint32_t) &&
	    record_get_le32(p + sum_at) ==
	    record_sum(key, p, record.size, sum_at);
}

void
entry_key_make(struct entry_key *k, uint64_t id, struct bytes key)
{
	record_put_be64(k->data, id);
	if (key.size > 0) /* then data may be NULL */
		memcpy(k->data + ID_SIZE, key.data, key.size);
	k->bytes = (struct bytes){ k->data, ID_SIZE + key.size };
}

uint64_t
entry_expiry(struct bytes record)
{
	if (record.size < ENTRY_HEADER)
		return 0;
	return record_get_le64((const uint8_t *)record.data + 8);
}
