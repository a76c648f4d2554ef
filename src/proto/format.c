/*
 * format: data lines and status lines.  Runs in the worker and in kv.  The
 * words come from clients and are shown on the terminals of others, so control
 * characters are escaped.
 */

#include <stdbool.h>

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

static bool
is_bare(struct bytes word)
{
	const uint8_t *p = word.data;
	size_t i, n;

	if (word.size == 0 || p[0] == '"')
		return false;
	for (i = 0; i < word.size; i += n) {
		n = utf8_printable_size(p + i, word.size - i);
		if (n == 0 || p[i] == ' ')
			return false;
	}
	return true;
}

static void
append_escaped(struct buf *b, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char *const named = "\"\"\\\\\nn\rr\tt";
	char text[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
	const char *p;

	for (p = named; *p != '\0'; p += 2)
		if ((uint8_t)*p == c) {
			text[1] = p[1];
			buf_append(b, text, 2);
			return;
		}
	buf_append(b, text, sizeof(text));
}

static void
append_quoted(struct buf *b, struct bytes word)
{
	const uint8_t *p = word.data;
	size_t i, n, plain = 0;

	buf_append_byte(b, '"');
	for (i = 0; i < word.size; i += n) {
		n = utf8_printable_size(p + i, word.size - i);
		if (n != 0 && p[i] != '"' && p[i] != '\\')
			continue;
		buf_append(b, p + plain, i - plain);
		append_escaped(b, p[i]);
		n = 1;
		plain = i + 1;
	}
	/* p is NULL only for an empty word, which has nothing left. */
	if (plain < word.size)
		buf_append(b, p + plain, word.size - plain);
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
format_line(struct buf *b, const struct bytes *words, size_t n)
{
	bool quote = looks_like_status(words, n);
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_append_byte(b, ' ');
		if (!quote && is_bare(words[i]))
			buf_append(b, words[i].data, words[i].size);
		else
			append_quoted(b, words[i]);
	}
	buf_append(b, "\r\n", 2);
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
