/*
 * Looks at eight bytes at a time, as one number ("SIMD within a register").
 * What is found is whether any of them is such a byte, and not which, so the
 * byte order of the machine does not matter.
 *
 * H. S. Warren, Hacker's Delight, 2nd edition, section 6-1: subtracting 1 from
 * each byte sets the highest bit of one that was 0, and of no other unless that
 * bit was set before, or a byte below was 0.
 */

#ifndef COMMON_SWAR_H
#define COMMON_SWAR_H

#include <stdint.h>
#include <string.h>

#define SWAR_SIZE sizeof(uint64_t)

/* Eight times this byte. */
#define SWAR_FILL(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))
/* The highest bit of each byte. */
#define SWAR_HIGH SWAR_FILL(0x80)

static inline uint64_t
swar_load(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline void
swar_store(uint8_t *p, uint64_t x)
{
	memcpy(p, &x, sizeof(x));
}

/* These return a number other than 0 if one of the bytes ... */

/* ... is this one. */
static inline uint64_t
swar_has(uint64_t x, uint8_t byte)
{
	x ^= SWAR_FILL(byte);
	return (x - SWAR_FILL(1)) & ~x & SWAR_HIGH;
}

/* ... is less than `first`, which is ASCII, or more than the last printable
 * character of ASCII. */
static inline uint64_t
swar_has_outside(uint64_t x, uint8_t first)
{
	/* The last two find those if no byte is above 127. */
	return (x | (x - SWAR_FILL(first)) | (x + SWAR_FILL(1))) & SWAR_HIGH;
}

/* ... is not a printable character of ASCII, or is a double quote or a
 * backslash, which quoted text escapes. */
static inline uint64_t
swar_has_escaped(uint64_t x)
{
	return swar_has_outside(x, ' ') | swar_has(x, '"') | swar_has(x, '\\');
}

#endif
