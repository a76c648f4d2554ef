/*
 * first_line: recognizes other protocols.  Runs in the worker; the bytes are
 * hostile.
 */

#include <string.h>
#include <strings.h>

#include "proto/first_line.h"

bool
first_line_is_binary(const uint8_t *text, size_t size, size_t seen, bool whole)
{
	size_t i;

	/* The last byte that was looked at may have been a CR. */
	for (i = seen > 0 ? seen - 1 : 0; i < size; i++)
		if (text[i] < ' ' && text[i] != '\t' &&
		    (text[i] != '\r' || whole || i + 1 < size))
			return true;
	return false;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Shortens the line by the digits that it ends in.  False: there are none. */
static bool
strip_digits(const uint8_t *line, size_t *size)
{
	size_t n = *size;

	while (n > 0 && is_digit(line[n - 1]))
		n--;
	if (n == *size)
		return false;
	*size = n;
	return true;
}

/* The same for a slash and a number, which may have a point in it. */
static bool
strip_version(const uint8_t *line, size_t *size)
{
	if (!strip_digits(line, size))
		return false;
	if (*size > 0 && line[*size - 1] == '.') {
		--*size;
		if (!strip_digits(line, size))
			return false;
	}
	return *size > 0 && line[--*size] == '/';
}

static bool
ends_in(const uint8_t *line, size_t size, const char *name)
{
	size_t n = strlen(name);

	return size > n && is_blank(line[size - n - 1]) &&
	    strncasecmp((const char *)line + size - n, name, n) == 0;
}

enum first_line_protocol
first_line_protocol(const uint8_t *line, size_t size)
{
	while (size > 0 && is_blank(line[size - 1]))
		size--;
	if (!strip_version(line, &size))
		return FIRST_LINE_KVD;
	if (ends_in(line, size, "HTTP"))
		return FIRST_LINE_HTTP;
	if (ends_in(line, size, "SIP") || ends_in(line, size, "RTSP") ||
	    ends_in(line, size, "ICAP"))
		return FIRST_LINE_OTHER;
	return FIRST_LINE_KVD;
}
