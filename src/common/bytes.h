/*
 * Byte strings: bytes of a known number that somebody else owns.  They may
 * hold NULs, and nothing ends them.
 */

#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const void *data; /* borrowed; may be NULL when size is 0 */
	size_t size;
};

/* The bytes of a text without its NUL; the text must outlive them. */
static inline struct bytes
bytes_from_text(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size &&
	    (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Are these the bytes of this text? */
static inline bool
bytes_are(struct bytes b, const char *text)
{
	return bytes_equal(b, bytes_from_text(text));
}

static inline bool
bytes_begin_with(struct bytes b, struct bytes prefix)
{
	return b.size >= prefix.size &&
	    (prefix.size == 0 || memcmp(b.data, prefix.data, prefix.size) == 0);
}

/* How many bytes both begin with. */
static inline size_t
bytes_common(struct bytes a, struct bytes b)
{
	const uint8_t *x = a.data, *y = b.data;
	size_t size = a.size < b.size ? a.size : b.size, n = 0;

	while (n < size && x[n] == y[n])
		n++;
	return n;
}

/*
 * Less than, equal to or greater than 0, like memcmp(3); a byte string comes
 * before those that it begins.
 */
static inline int
bytes_compare(struct bytes a, struct bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

#endif
