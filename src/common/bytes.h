/*
 * A run of bytes that somebody else owns.
 */

#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stddef.h>

struct bytes {
	const void *data; /* size bytes, not terminated; borrowed */
	size_t size;
};

#endif
