/*
 * A run of bytes that somebody else owns.
 */

#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
	const void *data; /* size bytes, not terminated; borrowed */
	size_t size;
};

static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
	/* data may be NULL when there are none */
	return a.size == b.size &&
	    (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
