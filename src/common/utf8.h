/*
 * UTF-8, as RFC 3629 has it.
 */

#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Size of the character at p, of `size` bytes (at least one) up to the end
 * of the text, or 0 when it is not valid.
 */
size_t utf8_size(const uint8_t *p, size_t size);

/*
 * The same, and 0 for a control character too: neither C0, DEL nor C1 (which
 * some terminals obey: U+009B starts an escape sequence) may reach a
 * terminal.
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
