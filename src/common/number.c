/*
 * number: signed 64-bit integers in decimal.  Runs in the registry and the
 * workers.  The text comes from clients and is not trusted.
 */

#include <stdlib.h>
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

bool
number_in_range(const char *text, int64_t min, int64_t max, int64_t *number)
{
	int64_t n;

	if (number_parse(bytes_from_text(text), &n) != NUMBER_OK || n < min ||
	    n > max)
		return false;
	*number = n;
	return true;
}

bool
number_decimal_in_range(const char *text, double min, double max,
    double *number)
{
	char *end;
	double n = strtod(text, &end);

	/* Not a number (NaN) fails every comparison. */
	if (end == text || *end != '\0' || !(n >= min && n <= max))
		return false;
	*number = n;
	return true;
}

const char *
number_scan(const char *text, uint64_t max, uint64_t *number)
{
	size_t size = strspn(text, "0123456789");
	int64_t n;

	if (number_parse((struct bytes){ text, size }, &n) != NUMBER_OK ||
	    (uint64_t)n > max)
		return NULL;
	*number = (uint64_t)n;
	return text + size;
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
