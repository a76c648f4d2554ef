/*
 * format: data lines and status lines.  Runs in the worker; the words come
 * from clients and go to other clients' terminals.
 */

#include <stdbool.h>

#include "common/utf8.h"
#include "proto/answer.h"
#include "proto/format.h"
#include "proto/schema.h"

static const char *const status_lines[STATUS_END] = {
	[STATUS_OK] = "OK\r\n",
	[STATUS_NOT_FOUND] = "NOT FOUND\r\n",
	[STATUS_UNKNOWN_COMMAND] = "UNKNOWN COMMAND\r\n",
	[STATUS_CONFLICT] = "CONFLICT\r\n",
	[STATUS_QUEUED] = "QUEUED\r\n",
	[STATUS_BAD_ESCAPE] = "ERROR bad escape\r\n",
	[STATUS_UNBALANCED_QUOTES] = "ERROR unbalanced quotes\r\n",
	[STATUS_TOO_MANY_WORDS] = "ERROR too many words\r\n",
	[STATUS_LINE_TOO_LONG] = "ERROR line too long\r\n",
	[STATUS_UNTERMINATED_LINE] = "ERROR unterminated line\r\n",
	[STATUS_BUCKET_EMPTY] = "ERROR bucket name empty\r\n",
	[STATUS_BUCKET_TOO_LONG] = "ERROR bucket name too long\r\n",
	[STATUS_KEY_EMPTY] = "ERROR key empty\r\n",
	[STATUS_KEY_TOO_LONG] = "ERROR key too long\r\n",
	[STATUS_VALUE_TOO_LONG] = "ERROR value too long\r\n",
	[STATUS_NOT_A_NUMBER] = "ERROR not a number\r\n",
	[STATUS_OUT_OF_RANGE] = "ERROR out of range\r\n",
	[STATUS_VALUE_NOT_A_NUMBER] = "ERROR value not a number\r\n",
	[STATUS_OVERFLOW] = "ERROR overflow\r\n",
	[STATUS_NO_TRANSACTION] = "ERROR no transaction\r\n",
	[STATUS_IN_TRANSACTION] = "ERROR already in a transaction\r\n",
	[STATUS_CANNOT_BE_QUEUED] = "ERROR cannot be queued\r\n",
	[STATUS_TRANSACTION_TOO_LARGE] = "ERROR transaction too large\r\n",
	[STATUS_TOO_MANY_LISTINGS] = "ERROR too many listings\r\n",
	[STATUS_SNAPSHOT_LOST] = "ERROR snapshot lost\r\n",
	[STATUS_TOO_MANY_SUBSCRIPTIONS] = "ERROR too many subscriptions\r\n",
	[STATUS_LAGGED] = "ERROR lagged\r\n",
	[STATUS_STORAGE_FULL] = "ERROR storage full\r\n",
	[STATUS_DATA_DAMAGED] = "ERROR data damaged\r\n",
	[STATUS_REGISTRY_UNAVAILABLE] = "ERROR registry unavailable\r\n",
	[STATUS_IDLE_TIMEOUT] = "ERROR idle timeout\r\n",
	[STATUS_SHUTTING_DOWN] = "ERROR shutting down\r\n",
	[STATUS_DISCONNECTED] = "ERROR disconnected\r\n",
};

void
format_status(struct buf *b, enum status status)
{
	buf_append_text(b, status_lines[status]);
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

/* Could a reader take these words, printed bare, for a status line? */
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
