/*
 * A growing byte queue: append at the end, consume at the front.
 *
 * A buffer that finds no memory keeps what it has and ignores all further
 * appends.  So a sequence of appends is checked once, at its end, by
 * buf_failed().
 */

#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/bytes.h"

/*
 * Borrowed memory: buf_init_with() gives a buffer memory that stays the
 * caller's.  A process that serves a few small requests then never calls
 * malloc(3), which would have it copy pages of its own.  The buffer uses that
 * memory as if it had allocated it, until one of these happens:
 *
 *	- something is appended for which there is no space left;
 *	- buf_clear() is called;
 *	- io_recv_buf() finds less space in it than 256 bytes, or reads as much
 *	  as there is space: whoever sends that much may send more, and each
 *	  read costs a system call.
 *
 * Then the buffer goes on with allocated memory, into which it copies what it
 * holds, and does not return to the other.
 */
struct buf {
	uint8_t *base; /* allocated, or borrowed, or NULL */
	size_t cap; /* bytes at base */
	size_t off; /* first byte not yet consumed */
	size_t end; /* one past the last byte */
	bool failed; /* there was no memory */
	bool borrowed; /* `base` belongs to the caller of buf_init_with() */
};

void buf_init(struct buf *);
/* Borrows `size` bytes at `base`, which have to outlive the buffer and to be
 * aligned for whatever is read from it. */
void buf_init_with(struct buf *, void *base, size_t size);
/* Frees allocated memory; the buffer is empty and usable again. */
void buf_clear(struct buf *);

static inline bool
buf_is_borrowed(const struct buf *b)
{
	return b->borrowed;
}

/* How many bytes can be appended before anything has to be moved. */
static inline size_t
buf_space(const struct buf *b)
{
	return b->cap - b->end;
}

/* How many bytes it holds, and where they are until the next append. */
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

/* What it holds, borrowed until the next append. */
static inline struct bytes
buf_bytes(const struct buf *b)
{
	return (struct bytes){ buf_data(b), buf_size(b) };
}

/*
 * Makes space for `size` more bytes and returns where to write them, or NULL
 * when there is no memory.  buf_commit() then appends those that were written.
 */
uint8_t *buf_reserve_slow(struct buf *, size_t size);

static inline uint8_t *
buf_reserve(struct buf *b, size_t size)
{
	if (!b->failed && buf_space(b) >= size && b->base != NULL)
		return b->base + b->end;
	return buf_reserve_slow(b, size);
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

/* Removes the first `size` bytes. */
void buf_consume(struct buf *, size_t size);
/* Removes all but the first `size` bytes. */
void buf_truncate(struct buf *, size_t size);
/* Frees the memory of an empty buffer if it is more than `keep` bytes. */
void buf_shrink(struct buf *, size_t keep);

#endif
