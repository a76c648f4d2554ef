/*
 * json: strings and numbers in JSON.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/swar.h"
#include "common/utf8.h"
#include "kv/json.h"

static bool
is_utf8(struct bytes text)
{
	const uint8_t *p = text.data;
	size_t i, n;

	for (i = 0; i < text.size; i += n) {
		n = SWAR_SIZE;
		if (text.size - i >= n && !(swar_load(p + i) & SWAR_HIGH))
			continue;
		if ((n = utf8_size(p + i, text.size - i)) == 0)
			return false;
	}
	return true;
}

static void
append_base64(struct buf *b, struct bytes data)
{
	static const uint8_t digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data.data;
	size_t left;
	uint32_t group;
	uint8_t *text;

	text = buf_reserve(b, (data.size + 2) / 3 * 4);
	if (text == NULL)
		return;
	buf_commit(b, (data.size + 2) / 3 * 4);
	for (left = data.size; left > 0; left -= left < 3 ? left : 3, p += 3) {
		group = (uint32_t)p[0] << 16;
		if (left > 1)
			group |= (uint32_t)p[1] << 8;
		if (left > 2)
			group |= p[2];
		*text++ = digits[group >> 18];
		*text++ = digits[group >> 12 & 63];
		*text++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*text++ = left > 2 ? digits[group & 63] : '=';
	}
}

/* A character that JSON does not allow in a string, or that may harm a
 * terminal. */
static void
append_escaped(struct buf *b, const uint8_t *p, size_t size)
{
	unsigned int code =
	    size == 1 ? p[0] : (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
	char text[8];

	if (code == '"' || code == '\\') {
		buf_append_byte(b, '\\');
		buf_append_byte(b, (uint8_t)code);
	} else if (code == '\n')
		buf_append_text(b, "\\n");
	else if (code == '\t')
		buf_append_text(b, "\\t");
	else {
		snprintf(text, sizeof(text), "\\u%04x", code);
		buf_append_text(b, text);
	}
}

static void
append_string(struct buf *b, struct bytes text)
{
	const uint8_t *p = text.data;
	size_t i, n, plain = 0;

	for (i = 0; i < text.size; i += n) {
		n = SWAR_SIZE;
		if (text.size - i >= n && !swar_has_escaped(swar_load(p + i)))
			continue;
		n = utf8_size(p + i, text.size - i);
		if (p[i] != '"' && p[i] != '\\' &&
		    utf8_printable_size(p + i, text.size - i) != 0)
			continue;
		buf_append(b, p + plain, i - plain);
		append_escaped(b, p + i, n);
		plain = i + n;
	}
	if (plain < text.size)
		buf_append(b, p + plain, text.size - plain);
}

void
json_string(struct buf *b, struct bytes text)
{
	if (is_utf8(text)) {
		buf_append_byte(b, '"');
		append_string(b, text);
		buf_append_byte(b, '"');
	} else {
		buf_append_text(b, "{\"base64\":\"");
		append_base64(b, text);
		buf_append_text(b, "\"}");
	}
}

/* RFC 8259 does not allow leading zeros. */
static bool
is_number(struct bytes text)
{
	const uint8_t *p = text.data;
	size_t i, sign = text.size > 0 && p[0] == '-';

	if (text.size == sign || (p[sign] == '0' && text.size > sign + 1))
		return false;
	for (i = sign; i < text.size; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

void
json_number(struct buf *b, struct bytes text)
{
	if (is_number(text))
		buf_append(b, text.data, text.size);
	else
		json_string(b, text);
}
