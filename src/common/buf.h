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

struct buf {
	uint8_t *base; /* allocation, or NULL */
	size_t cap; /* bytes allocated */
	size_t off; /* first byte not yet consumed */
	size_t end; /* one past the last byte */
	bool failed;
};

void buf_init(struct buf *);
/* Frees the memory; the buffer is empty and usable again. */
void buf_clear(struct buf *);

/* Bytes waiting, and where they start (valid until the next append). */
size_t buf_size(const struct buf *);
uint8_t *buf_data(const struct buf *);
bool buf_failed(const struct buf *);

/*
 * Makes room for `size` more bytes and returns where to write them, or NULL
 * when there is no memory.  buf_commit() then takes what was written.
 */
uint8_t *buf_reserve(struct buf *, size_t size);
void buf_commit(struct buf *, size_t size);

void buf_append(struct buf *, const void *data, size_t size);
void buf_append_byte(struct buf *, uint8_t byte);
void buf_append_text(struct buf *, const char *text);

/* Drops `size` bytes at the front. */
void buf_consume(struct buf *, size_t size);
/* Drops all after the first `size` bytes. */
void buf_truncate(struct buf *, size_t size);
/* Gives memory above `keep` bytes back, if the buffer is empty. */
void buf_shrink(struct buf *, size_t keep);

#endif
