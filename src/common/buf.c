/*
 * buf: a growing byte queue.  Used by every process; trusts its caller.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

/* The first allocation.  Commands that somebody types fit into it. */
#define BUF_MIN 512

void
buf_init(struct buf *b)
{
	memset(b, 0, sizeof(*b));
}

void
buf_init_with(struct buf *b, void *base, size_t size)
{
	buf_init(b);
	b->base = base;
	b->cap = size;
	b->borrowed = true;
}

void
buf_clear(struct buf *b)
{
	if (!b->borrowed)
		free(b->base);
	buf_init(b);
}

static bool
buf_grow(struct buf *b, size_t size)
{
	size_t need, cap;
	uint8_t *base;

	if (size > SIZE_MAX / 4 - b->end)
		return false;
	need = b->end + size;
	for (cap = b->cap == 0 ? BUF_MIN : b->cap; cap < need; cap *= 2)
		;
	base = realloc(b->borrowed ? NULL : b->base, cap);
	if (base == NULL)
		return false;
	if (b->borrowed)
		memcpy(base, b->base, b->end);
	b->borrowed = false;
	b->base = base;
	b->cap = cap;
	return true;
}

uint8_t *
buf_reserve_slow(struct buf *b, size_t size)
{
	if (b->failed)
		return NULL;
	/* Cheap, because it moves fewer bytes than were consumed. */
	if (buf_space(b) < size && b->off > b->end - b->off) {
		memmove(b->base, b->base + b->off, b->end - b->off);
		b->end -= b->off;
		b->off = 0;
	}
	if (buf_space(b) < size && !buf_grow(b, size)) {
		b->failed = true;
		return NULL;
	}
	return b->base + b->end;
}

void
buf_append_byte(struct buf *b, uint8_t byte)
{
	buf_append(b, &byte, 1);
}

void
buf_append_text(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void
buf_consume(struct buf *b, size_t size)
{
	b->off += size;
	if (b->off == b->end)
		b->off = b->end = 0;
}

void
buf_truncate(struct buf *b, size_t size)
{
	if (size < buf_size(b))
		b->end = b->off + size;
}

void
buf_shrink(struct buf *b, size_t keep)
{
	if (b->off == b->end && b->cap > keep && !b->failed)
		buf_clear(b);
}
