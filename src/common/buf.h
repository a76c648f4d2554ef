/*
 * A growing byte queue: append at the end, consume at the front.
 *
 * Out of memory is sticky: the buffer keeps what it has, ignores further
 * appends, and buf_failed() says so.  A sequence of appends is therefore
 * checked once, at its end.
 */

#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *base; /* allocated, or lent, or NULL */
	size_t cap; /* bytes at base */
	size_t off; /* first byte not yet consumed */
	size_t end; /* one past the last byte */
	bool failed;
	bool borrowed; /* `base` is the caller's */
};

void buf_init(struct buf *);
/* Uses the caller's memory, which must outlive it, and be aligned for what is
 * to be read from it, for as long as it is enough. */
void buf_init_with(struct buf *, void *base, size_t size);
/* Frees the memory; the buffer is empty and usable again. */
void buf_clear(struct buf *);

/* Bytes waiting, and where they start (valid until the next append). */
static inline size_t
buf_size(const struct buf *b)
{
	return b->end - b->off;
}

static inline uint8_t *
buf_data(const struct buf *b)
{
	return b->base == NULL ? NULL : b->base + b->off;
}

static inline bool
buf_failed(const struct buf *b)
{
	return b->failed;
}

/*
 * Makes room for `size` more bytes and returns where to write them, or NULL
 * when there is no memory.  buf_commit() then takes what was written.
 */
uint8_t *buf_reserve_slowly(struct buf *, size_t size);

static inline uint8_t *
buf_reserve(struct buf *b, size_t size)
{
	if (!b->failed && b->cap - b->end >= size && b->base != NULL)
		return b->base + b->end;
	return buf_reserve_slowly(b, size);
}

static inline void
buf_commit(struct buf *b, size_t size)
{
	b->end += size;
}

static inline void
buf_append(struct buf *b, const void *data, size_t size)
{
	uint8_t *to;

	if (size == 0 || (to = buf_reserve(b, size)) == NULL)
		return;
	memcpy(to, data, size);
	b->end += size;
}

void buf_append_byte(struct buf *, uint8_t byte);
void buf_append_text(struct buf *, const char *text);

/* Drops `size` bytes at the front. */
void buf_consume(struct buf *, size_t size);
/* Drops all after the first `size` bytes. */
void buf_truncate(struct buf *, size_t size);
/* Gives memory above `keep` bytes back, if the buffer is empty. */
void buf_shrink(struct buf *, size_t keep);

#endif
