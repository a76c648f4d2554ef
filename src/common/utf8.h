/*
 * UTF-8, as RFC 3629 defines it.
 */

#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Returns the size of the character at p, or 0 when it is not valid.  The text
 * ends `size` bytes behind p, which is at least one.
 */
size_t utf8_size(const uint8_t *p, size_t size);

/*
 * The same, but returns 0 for control characters as well, which must not reach
 * a terminal: C0, DEL, and C1, which some terminals obey (U+009B starts an
 * escape sequence).
 */
static inline size_t
utf8_printable_size(const uint8_t *p, size_t size)
{
	if (p[0] >= 0x20 && p[0] < 0x7f)
		return 1;
	if (p[0] < 0x80 || (p[0] == 0xc2 && size > 1 && p[1] < 0xa0))
		return 0;
	return utf8_size(p, size);
}

#endif
