/*
 * number: signed 64-bit integers in decimal.  Runs in the registry and the
 * workers.  The text comes from clients and is not trusted.
 */

#include <stdbool.h>
#include <string.h>

#include "common/number.h"

enum number_result
number_parse(struct bytes text, int64_t *number)
{
	/* `data` may be NULL when `size` is 0. */
	const char *p = text.size > 0 ? text.data : "";
	const char *end = p + text.size;
	bool negative = *p == '-', fits = true;
	int64_t n = 0;

	if (negative)
		p++;
	if (p == end)
		return NUMBER_NONE;
	/* Accumulate a negative number: INT64_MIN has no positive one. */
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return NUMBER_NONE;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, *p - '0', &n))
			fits = false;
	}
	if (!fits || (!negative && __builtin_sub_overflow(0, n, &n)))
		return NUMBER_RANGE;
	*number = n;
	return NUMBER_OK;
}

size_t
number_format(int64_t number, char text[NUMBER_SIZE])
{
	uint64_t n = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[NUMBER_SIZE], *p = digits + sizeof(digits);
	size_t size;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (number < 0)
		*--p = '-';
	size = (size_t)(digits + sizeof(digits) - p);
	memcpy(text, p, size);
	return size;
}
