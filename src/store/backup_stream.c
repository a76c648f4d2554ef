/*
 * backup_stream: see backup_stream.h.  Runs in kvd-maintain, which does not
 * trust what it reads.
 */

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/backup_stream.h"
#include "common/crc32c.h"
#include "store/segment.h"

#define MAGIC "kvdback\n"
#define MAGIC_SIZE 8
#define HEAD_NUMBERS 8
#define HEAD_SIZE (MAGIC_SIZE + 8 + HEAD_NUMBERS * 8 + 4)
#define BLOCK_MAGIC 0x6b766442
#define BLOCK_HEADER 16
#define RECORD_HEADER 8
/* A block has so much, or one record. */
#define BLOCK_USUAL ((size_t)64 << 10)
/* No commit has a larger record. */
#define BLOCK_MAX (SEGMENT_SIZE_MAX / 4 + BLOCK_USUAL)

static void
put_le32(uint8_t *p, uint32_t n)
{
	n = htole32(n);
	memcpy(p, &n, sizeof(n));
}

static uint32_t
get_le32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static void
put_le64(uint8_t *p, uint64_t n)
{
	n = htole64(n);
	memcpy(p, &n, sizeof(n));
}

static uint64_t
get_le64(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

static int
reserve(struct backup_stream *s, size_t size)
{
	uint8_t *block;

	if (size <= s->block_size)
		return 0;
	if ((block = realloc(s->block, size)) == NULL)
		return -1;
	s->block = block;
	s->block_size = size;
	return 0;
}

int
backup_begin(struct backup_stream *s, backup_write *out, void *arg,
    const struct backup_head *h)
{
	const uint64_t numbers[HEAD_NUMBERS] = { h->store_id, h->revision,
		(uint64_t)h->time_ms, h->entries, h->totals[0], h->totals[1],
		h->totals[2], h->totals[3] };
	uint8_t data[HEAD_SIZE];
	size_t i;

	*s = (struct backup_stream){ .write = out,
		.arg = arg,
		.size = BLOCK_HEADER };
	memcpy(data, MAGIC, MAGIC_SIZE);
	put_le32(data + MAGIC_SIZE, h->format);
	put_le32(data + MAGIC_SIZE + 4, h->data_format);
	for (i = 0; i < HEAD_NUMBERS; i++)
		put_le64(data + MAGIC_SIZE + 8 + i * 8, numbers[i]);
	s->sum = crc32c(0, data, HEAD_SIZE - 4);
	put_le32(data + HEAD_SIZE - 4, s->sum);
	if (reserve(s, BLOCK_HEADER + BLOCK_USUAL) == -1)
		return -1;
	return s->write(s->arg, data, sizeof(data));
}

static int
write_block(struct backup_stream *s)
{
	int rc;

	put_le32(s->block, BLOCK_MAGIC);
	put_le32(s->block + 4, (uint32_t)(s->size - BLOCK_HEADER));
	s->sum = crc32c(s->sum, s->block, 8);
	put_le32(s->block + 8, s->sum);
	s->sum =
	    crc32c(s->sum, s->block + BLOCK_HEADER, s->size - BLOCK_HEADER);
	put_le32(s->block + 12, s->sum);
	rc = s->write(s->arg, s->block, s->size);
	s->size = BLOCK_HEADER;
	return rc;
}

int
backup_put(struct backup_stream *s, unsigned int db, struct bytes key,
    struct bytes value)
{
	size_t size = RECORD_HEADER + key.size + value.size;
	uint8_t *p;

	if (s->size > BLOCK_HEADER &&
	    s->size + size > BLOCK_HEADER + BLOCK_USUAL && write_block(s) == -1)
		return -1;
	if (reserve(s, s->size + size) == -1)
		return -1;
	p = s->block + s->size;
	p[0] = (uint8_t)db;
	p[1] = 0;
	p[2] = (uint8_t)key.size;
	p[3] = (uint8_t)(key.size >> 8);
	put_le32(p + 4, (uint32_t)value.size);
	memcpy(p + RECORD_HEADER, key.data, key.size);
	if (value.size > 0) /* then data may be NULL */
		memcpy(p + RECORD_HEADER + key.size, value.data, value.size);
	s->size += size;
	return 0;
}

int
backup_finish(struct backup_stream *s)
{
	if (s->size > BLOCK_HEADER && write_block(s) == -1)
		return -1;
	return write_block(s);
}

static enum backup_result
read_all(struct backup_stream *s, void *data, size_t size)
{
	if (size == 0 || s->read(s->arg, data, size) == 0)
		return BACKUP_OK;
	return errno == 0 ? BACKUP_CUT : BACKUP_FAILED;
}

enum backup_result
backup_open(struct backup_stream *s, backup_read *in, void *arg,
    struct backup_head *h)
{
	uint8_t data[HEAD_SIZE];
	enum backup_result result;
	const uint8_t *n = data + MAGIC_SIZE + 8;
	size_t i;

	*s = (struct backup_stream){ .read = in, .arg = arg };
	memset(data, 0, sizeof(data));
	result = read_all(s, data, MAGIC_SIZE + 8);
	if (result == BACKUP_CUT || memcmp(data, MAGIC, MAGIC_SIZE) != 0)
		return result == BACKUP_FAILED ? result : BACKUP_NONE;
	h->format = get_le32(data + MAGIC_SIZE);
	h->data_format = get_le32(data + MAGIC_SIZE + 4);
	if (h->format > BACKUP_FORMAT)
		return BACKUP_NEWER;
	result = read_all(s, data + MAGIC_SIZE + 8, HEAD_SIZE - MAGIC_SIZE - 8);
	if (result != BACKUP_OK)
		return result;
	s->sum = crc32c(0, data, HEAD_SIZE - 4);
	if (get_le32(data + HEAD_SIZE - 4) != s->sum)
		return BACKUP_DAMAGED;
	h->store_id = get_le64(n);
	h->revision = get_le64(n + 8);
	h->time_ms = (int64_t)get_le64(n + 16);
	h->entries = get_le64(n + 24);
	for (i = 0; i < 4; i++)
		h->totals[i] = get_le64(n + 32 + i * 8);
	return BACKUP_OK;
}

static enum backup_result
read_block(struct backup_stream *s)
{
	uint8_t header[BLOCK_HEADER];
	enum backup_result result;

	if ((result = read_all(s, header, sizeof(header))) != BACKUP_OK)
		return result;
	s->size = get_le32(header + 4);
	s->sum = crc32c(s->sum, header, 8);
	if (get_le32(header) != BLOCK_MAGIC || get_le32(header + 8) != s->sum ||
	    s->size > BLOCK_MAX)
		return BACKUP_DAMAGED;
	if (reserve(s, s->size) == -1)
		return BACKUP_FAILED;
	if ((result = read_all(s, s->block, s->size)) != BACKUP_OK)
		return result;
	s->sum = crc32c(s->sum, s->block, s->size);
	s->at = 0;
	if (get_le32(header + 12) != s->sum)
		return BACKUP_DAMAGED;
	return s->size == 0 ? BACKUP_END : BACKUP_OK;
}

enum backup_result
backup_next(struct backup_stream *s, unsigned int *db, struct bytes *key,
    struct bytes *value)
{
	enum backup_result result;
	const uint8_t *p;

	if (s->at == s->size && (result = read_block(s)) != BACKUP_OK)
		return result;
	p = s->block + s->at;
	if (s->size - s->at < RECORD_HEADER)
		return BACKUP_DAMAGED;
	*db = p[0];
	*key = (struct bytes){ p + RECORD_HEADER, p[2] | (size_t)p[3] << 8 };
	*value =
	    (struct bytes){ p + RECORD_HEADER + key->size, get_le32(p + 4) };
	s->at += RECORD_HEADER;
	if (key->size > s->size - s->at ||
	    value->size > s->size - s->at - key->size)
		return BACKUP_DAMAGED;
	s->at += key->size + value->size;
	return BACKUP_OK;
}

void
backup_end(struct backup_stream *s)
{
	free(s->block);
	s->block = NULL;
	s->block_size = 0;
}
