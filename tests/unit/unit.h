/*
 * unit: what the unit tests share: byte strings for tables, and pseudo-random
 * numbers that are the same in every run.
 */

#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "suite.h"

/* This makes a struct bytes of a string literal; an inner NUL does not end
 * it. */
#define UNIT_BYTES(text)                 \
	{                                \
		(text), sizeof(text) - 1 \
	}

/* This returns a copy whose memory ends with its last byte, so that sanitizers
 * detect overruns. */
static inline uint8_t *
unit_copy(const void *data, size_t size)
{
	/* malloc(0) may return NULL, and always allocating a byte more would
	 * hide overruns. */
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

#define unit_assert_bytes(got, want)                                         \
	do {                                                                 \
		struct bytes got_ = (got), want_ = (want);                   \
                                                                             \
		ck_assert_uint_eq(got_.size, want_.size);                    \
		if (want_.size > 0)                                          \
			ck_assert_mem_eq(got_.data, want_.data, want_.size); \
	} while (0)

/* This is xorshift64*; the state must not be 0. */
static inline uint32_t
unit_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * 0x2545f4914f6cdd1dULL >> 32);
}

#endif
