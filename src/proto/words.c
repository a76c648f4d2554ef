/*
 * words: splits a client's bytes into lines, and lines into words.  Runs in the
 * worker, where the bytes are hostile, and in kv.
 */

#include <string.h>

#include "proto/words.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Decodes the escape whose backslash is before *p, and moves *p behind it.
 * Returns the byte, or -1 if it is malformed.
 */
static int
decode_escape(const uint8_t **p, const uint8_t *end)
{
	int high, low;

	switch (*(*p)++) {
	case '"':
		return '"';
	case '\\':
		return '\\';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '0':
		return '\0';
	case 'x':
		break;
	default:
		return -1;
	}
	if (end - *p < 2 || (high = hex_digit((*p)[0])) == -1 ||
	    (low = hex_digit((*p)[1])) == -1)
		return -1;
	*p += 2;
	return high << 4 | low;
}

/*
 * Decodes a quoted word in place.  *p is at its opening quote, and is moved
 * behind the closing one.
 */
static enum words_result
take_quoted(uint8_t **p, const uint8_t *end, struct bytes *word)
{
	uint8_t *to = *p + 1;
	const uint8_t *from = to;
	int c;

	word->data = to;
	while (from != end && *from != '"') {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		/* The line ends in a backslash: the quote is not closed. */
		if (from == end)
			return WORDS_UNBALANCED;
		if ((c = decode_escape(&from, end)) == -1)
			return WORDS_BAD_ESCAPE;
		*to++ = (uint8_t)c;
	}
	word->size = (size_t)(to - (const uint8_t *)word->data);
	if (from == end || (from + 1 != end && !is_blank(from[1])))
		return WORDS_UNBALANCED;
	*p += from + 1 - *p;
	return WORDS_OK;
}

static void
take_bare(uint8_t **p, const uint8_t *end, struct bytes *word)
{
	word->data = *p;
	while (*p != end && !is_blank(**p))
		(*p)++;
	word->size = (size_t)(*p - (const uint8_t *)word->data);
}

enum words_result
words_split(uint8_t *line, size_t size, struct buf *words)
{
	enum words_result result;
	const uint8_t *end;
	struct bytes word;
	uint8_t *p = line;

	buf_truncate(words, 0);
	/* `line` may be NULL, to which C does not allow to add even 0. */
	if (size == 0)
		return WORDS_OK;
	end = line + size;
	for (;;) {
		while (p != end && is_blank(*p))
			p++;
		if (p == end)
			return WORDS_OK;
		if (words_count(words) == WORDS_MAX)
			return WORDS_TOO_MANY;
		if (*p != '"')
			take_bare(&p, end, &word);
		else if ((result = take_quoted(&p, end, &word)) != WORDS_OK)
			return result;
		buf_append(words, &word, sizeof(word));
	}
}

const struct bytes *
words_get(const struct buf *words)
{
	/* Nothing was consumed, so this is where the memory begins, and it is
	 * aligned. */
	return (const struct bytes *)(const void *)buf_data(words);
}

size_t
words_count(const struct buf *words)
{
	return buf_size(words) / sizeof(struct bytes);
}

/* Returns the first CR NUL before `end`, or NULL. */
static const uint8_t *
find_cr_nul(const uint8_t *p, const uint8_t *end)
{
	while ((p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
		if (p + 1 != end && p[1] == '\0')
			return p;
		p++;
	}
	return NULL;
}

bool
words_find_line(const uint8_t *data, size_t size, size_t seen,
    size_t *line_size, size_t *taken)
{
	const uint8_t *lf, *cr, *end;

	*taken = size;
	if (size == 0)
		return false;
	/* The last byte that was searched may have been a CR. */
	if (seen > 0)
		seen--;
	lf = size == seen ? NULL : memchr(data + seen, '\n', size - seen);
	end = lf == NULL ? data + size : lf;
	cr = end == data + seen ? NULL : find_cr_nul(data + seen, end);
	if (cr != NULL) {
		*line_size = (size_t)(cr - data);
		*taken = *line_size + 2;
		return true;
	}
	if (lf == NULL)
		return false;
	*line_size = (size_t)(lf - data);
	*taken = *line_size + 1;
	if (*line_size > 0 && lf[-1] == '\r')
		(*line_size)--;
	return true;
}

bool
words_equal(struct bytes word, const char *keyword)
{
	const uint8_t *p = word.data;
	size_t i;

	for (i = 0; i < word.size; i++) {
		uint8_t c = p[i];

		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		if (keyword[i] == '\0' || c != (uint8_t)keyword[i])
			return false;
	}
	return keyword[i] == '\0';
}
