/*
 * utf8: which bytes make a character.  Runs in every process.  The bytes come
 * from anybody and are not trusted.
 */

#include "common/utf8.h"

/*
 * Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 */
size_t
utf8_size(const uint8_t *p, size_t size)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (size < n || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}
