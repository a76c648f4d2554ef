/*
 * format: data lines and status lines.  Runs in the worker and in kv.  The
 * words come from clients and are shown on the terminals of others, so control
 * characters are escaped.
 */

#include <stdbool.h>
#include <string.h>

#include "common/swar.h"
#include "common/utf8.h"
#include "proto/answer.h"
#include "proto/format.h"
#include "proto/schema.h"

/* A text, the end of its line, and the size of both. */
#define LINE(text)                                   \
	{                                            \
		text "\r\n", sizeof(text "\r\n") - 1 \
	}

static const struct bytes status_lines[STATUS_END] = {
	[STATUS_OK] = LINE("OK"),
	[STATUS_NOT_FOUND] = LINE("NOT FOUND"),
	[STATUS_UNKNOWN_COMMAND] = LINE("UNKNOWN COMMAND"),
	[STATUS_CONFLICT] = LINE("CONFLICT"),
	[STATUS_QUEUED] = LINE("QUEUED"),
	[STATUS_BAD_ESCAPE] = LINE("ERROR bad escape"),
	[STATUS_UNBALANCED_QUOTES] = LINE("ERROR unbalanced quotes"),
	[STATUS_TOO_MANY_WORDS] = LINE("ERROR too many words"),
	[STATUS_LINE_TOO_LONG] = LINE("ERROR line too long"),
	[STATUS_UNTERMINATED_LINE] = LINE("ERROR unterminated line"),
	[STATUS_BUCKET_EMPTY] = LINE("ERROR bucket name empty"),
	[STATUS_BUCKET_TOO_LONG] = LINE("ERROR bucket name too long"),
	[STATUS_KEY_EMPTY] = LINE("ERROR key empty"),
	[STATUS_KEY_TOO_LONG] = LINE("ERROR key too long"),
	[STATUS_VALUE_TOO_LONG] = LINE("ERROR value too long"),
	[STATUS_NOT_A_NUMBER] = LINE("ERROR not a number"),
	[STATUS_OUT_OF_RANGE] = LINE("ERROR out of range"),
	[STATUS_VALUE_NOT_A_NUMBER] = LINE("ERROR value not a number"),
	[STATUS_OVERFLOW] = LINE("ERROR overflow"),
	[STATUS_NO_TRANSACTION] = LINE("ERROR no transaction"),
	[STATUS_IN_TRANSACTION] = LINE("ERROR already in a transaction"),
	[STATUS_CANNOT_BE_QUEUED] = LINE("ERROR cannot be queued"),
	[STATUS_TRANSACTION_TOO_LARGE] = LINE("ERROR transaction too large"),
	[STATUS_TOO_MANY_LISTINGS] = LINE("ERROR too many listings"),
	[STATUS_SNAPSHOT_LOST] = LINE("ERROR snapshot lost"),
	[STATUS_TOO_MANY_SUBSCRIPTIONS] = LINE("ERROR too many subscriptions"),
	[STATUS_LAGGED] = LINE("ERROR lagged"),
	[STATUS_STORAGE_FULL] = LINE("ERROR storage full"),
	[STATUS_DATA_DAMAGED] = LINE("ERROR data damaged"),
	[STATUS_REGISTRY_UNAVAILABLE] = LINE("ERROR registry unavailable"),
	[STATUS_IDLE_TIMEOUT] = LINE("ERROR idle timeout"),
	[STATUS_SHUTTING_DOWN] = LINE("ERROR shutting down"),
	[STATUS_DISCONNECTED] = LINE("ERROR disconnected"),
	[STATUS_TOO_MANY_KEYS] = LINE("ERROR too many keys"),
	[STATUS_REPLY_TOO_LARGE] = LINE("ERROR reply too large"),
};

void
format_status(struct buf *b, enum status status)
{
	struct bytes line = status_lines[status];

	buf_append(b, line.data, line.size);
}

/* What stands for a byte in a quoted word. */
struct quoted {
	char text[4];
	uint8_t size; /* of the text */
	/* 1: it may be the first byte of a character of UTF-8, or one of the
	 * others.  Such characters stand for themselves. */
	uint8_t leads, follows;
};

#define LEADS(c) ((c) >= 0xc2 && (c) <= 0xf4)
#define FOLLOWS(c) ((c) >= 0x80 && (c) < 0xc0)
#define IS_PRINTABLE(c) ((c) >= ' ' && (c) < 0x7f)
/* What follows the backslash; 0: the byte has no such name. */
#define NAME(c)                                   \
	((c) == '\n'			  ? 'n' : \
		(c) == '\r'		  ? 'r' : \
		(c) == '\t'		  ? 't' : \
		(c) == '"' || (c) == '\\' ? (c) : \
					    0)
#define DIGIT(d) ((d) < 10 ? '0' + (d) : 'a' - 10 + (d))
#define FIRST(c) (char)(IS_PRINTABLE(c) && !NAME(c) ? (c) : '\\')
#define SECOND(c) (NAME(c) ? NAME(c) : 'x')
#define SIZE(c) (NAME(c) ? 2 : IS_PRINTABLE(c) ? 1 : 4)
#define QUOTED(c)                                                        \
	{                                                                \
		{ FIRST(c), SECOND(c), DIGIT((c) >> 4), DIGIT((c)&15) }, \
		    SIZE(c), LEADS(c), FOLLOWS(c)                        \
	}
#define QUOTED_4(c) QUOTED(c), QUOTED((c) + 1), QUOTED((c) + 2), QUOTED((c) + 3)
#define QUOTED_16(c) \
	QUOTED_4(c), QUOTED_4((c) + 4), QUOTED_4((c) + 8), QUOTED_4((c) + 12)
#define QUOTED_64(c)                                            \
	QUOTED_16(c), QUOTED_16((c) + 16), QUOTED_16((c) + 32), \
	    QUOTED_16((c) + 48)

static const struct quoted quoted[256] = { QUOTED_64(0), QUOTED_64(64),
	QUOTED_64(128), QUOTED_64(192) };

/* Space is made for so many bytes of a word at a time, so that a long one
 * takes up no more than it needs. */
#define PIECE ((size_t)4096)

static bool
is_bare(struct bytes word)
{
	const uint8_t *p = word.data;
	size_t i, n;

	if (word.size == 0 || p[0] == '"')
		return false;
	for (i = 0; i < word.size; i += n) {
		n = SWAR_SIZE;
		if (word.size - i >= n &&
		    !swar_has_outside(swar_load(p + i), '!'))
			continue;
		n = utf8_printable_size(p + i, word.size - i);
		if (n == 0 || p[i] == ' ')
			return false;
	}
	return true;
}

/*
 * Quotes the bytes from *from up to `stop`, and the rest of a character that
 * goes on behind that; the word ends at `end`.  Writes up to four bytes for each
 * and, behind the last, up to three that do not count.  Moves *from, and returns
 * where the next byte is to be written.
 *
 * Most of the time for binary data would go into branches that the processor
 * cannot predict, so there is one only for what is likely to be a character.
 */
static uint8_t *
quote_bytes(uint8_t *to, const uint8_t **from, const uint8_t *stop,
    const uint8_t *end)
{
	const uint8_t *p = *from;
	const struct quoted *q;
	uint8_t next;
	size_t n;

	while (p < stop) {
		q = &quoted[*p];
		next = p + 1 < end ? p[1] : 0;
		n = 0;
		if (q->leads & quoted[next].follows)
			n = utf8_printable_size(p, (size_t)(end - p));
		if (n == 0) {
			memcpy(to, q->text, sizeof(q->text));
			to += q->size;
			p++;
		}
		for (; n > 0; n--)
			*to++ = *p++;
	}
	*from = p;
	return to;
}

/* The same for many bytes. */
static uint8_t *
quote_piece(uint8_t *to, const uint8_t **from, const uint8_t *stop,
    const uint8_t *end)
{
	uint64_t eight;

	while (stop - *from >= (ptrdiff_t)SWAR_SIZE) {
		eight = swar_load(*from);
		if (swar_has_escaped(eight)) {
			to = quote_bytes(to, from, *from + SWAR_SIZE, end);
			continue;
		}
		swar_store(to, eight);
		to += SWAR_SIZE;
		*from += SWAR_SIZE;
	}
	return quote_bytes(to, from, stop, end);
}

static void
append_quoted(struct buf *b, struct bytes word)
{
	const uint8_t *from = word.data, *stop;
	uint8_t *start, *to;
	size_t left = word.size;

	buf_append_byte(b, '"');
	while (left > 0) {
		start = buf_reserve(b, 4 * (PIECE + 4));
		if (start == NULL)
			return;
		stop = from + (left < PIECE ? left : PIECE);
		to = quote_piece(start, &from, stop, from + left);
		buf_commit(b, (size_t)(to - start));
		left = word.size - (size_t)(from - (const uint8_t *)word.data);
	}
	buf_append_byte(b, '"');
}

/* If these words were not quoted, would they be read as a status line? */
static bool
looks_like_status(const struct bytes *words, size_t n)
{
	if (n == 0)
		return false;
	if (bytes_are(words[0], "ERROR"))
		return true;
	if (n == 1)
		return bytes_are(words[0], "OK") ||
		    bytes_are(words[0], "CONFLICT") ||
		    bytes_are(words[0], "QUEUED");
	return n == 2 &&
	    ((bytes_are(words[0], "NOT") && bytes_are(words[1], "FOUND")) ||
		(bytes_are(words[0], "UNKNOWN") &&
		    bytes_are(words[1], "COMMAND")));
}

void
format_word(struct buf *b, struct bytes word)
{
	if (is_bare(word))
		buf_append(b, word.data, word.size);
	else
		append_quoted(b, word);
}

void
format_line(struct buf *b, const struct bytes *words, size_t n)
{
	bool quote = looks_like_status(words, n);
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_append_byte(b, ' ');
		if (quote)
			append_quoted(b, words[i]);
		else
			format_word(b, words[i]);
	}
	buf_append(b, "\r\n", 2);
}

bool
format_is_safe(struct bytes text)
{
	const uint8_t *p = text.data;
	size_t i, n;

	for (i = 0; i < text.size; i += n) {
		n = SWAR_SIZE;
		if (text.size - i >= n &&
		    !swar_has_outside(swar_load(p + i), ' '))
			continue;
		n = utf8_printable_size(p + i, text.size - i);
		if (n == 0)
			return false;
	}
	return true;
}

bool
format_reply(struct buf *b, struct bytes body)
{
	struct answer_line line;
	struct fields f;

	if (!schema_get(schema_find(MESSAGE_REPLY), body, 0, &f))
		return false;
	while (f.rest.size > 0) {
		if (!answer_next(&f.rest, &line))
			return false;
		if (line.is_status)
			format_status(b, (enum status)line.status);
		else
			format_line(b, line.words, line.n);
	}
	format_status(b, (enum status)f.status);
	return true;
}
