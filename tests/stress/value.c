/*
 * value: see value.h.
 */

#include <string.h>

#include "stress/value.h"
#include "torture/dice.h"

/* A value repeats a unit of so many hexadecimal digits. */
#define UNIT 16
/* The longest value, in units: 4 KiB. */
#define UNITS_MAX 256

/*
 * Most values are as small as those that kvbench writes.  Some need several
 * lines of the processor's cache, a few are near and above the size that a
 * cache may refuse.
 */
static size_t
count_units(struct value_key k, uint32_t step)
{
	uint64_t n =
	    dice_mix((uint64_t)k.cell << 40 ^ (uint64_t)k.key << 32 ^ step);
	uint32_t more = (uint32_t)(n >> 32);

	switch (n % 32) {
	case 0:
		return 1 + more % UNITS_MAX;
	case 1:
	case 2:
		return 1 + more % (UNITS_MAX / 4);
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		return 1 + more % 8;
	default:
		return 1;
	}
}

static uint64_t
make_unit(struct value_key k, uint32_t step)
{
	return (uint64_t)k.cell << 40 | (uint64_t)k.key << 32 | step;
}

void
value_put(struct buf *b, struct value_key k, uint32_t step)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t unit = make_unit(k, step);
	size_t i, n = count_units(k, step);
	char text[UNIT];

	for (i = 0; i < UNIT; i++)
		text[i] = digits[unit >> (4 * (UNIT - 1 - i)) & 15];
	while (n-- > 0)
		buf_append(b, text, UNIT);
}

/* Returns 16 for what is not a digit. */
static unsigned int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

bool
value_parse(const char *text, size_t size, struct value_key k, uint32_t *step)
{
	uint64_t unit = 0;
	unsigned int d;
	size_t i;

	if (size < UNIT)
		return false;
	for (i = 0; i < UNIT; i++) {
		if ((d = digit(text[i])) > 15)
			return false;
		unit = unit << 4 | d;
	}
	*step = (uint32_t)unit;
	return unit == make_unit(k, *step) &&
	    size == count_units(k, *step) * UNIT &&
	    memcmp(text, text + UNIT, size - UNIT) == 0;
}
