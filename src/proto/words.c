/*
 * words: splits a client's bytes into lines, and lines into words.  Runs in the
 * worker, where the bytes are hostile, and in kv.
 */

#include <string.h>

#include "common/swar.h"
#include "proto/words.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The value of each hexadecimal digit, plus 1; 0: it is none. */
static const uint8_t hex_digits[256] = { ['0'] = 1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10,
	['A'] = 11,
	12,
	13,
	14,
	15,
	16,
	['a'] = 11,
	12,
	13,
	14,
	15,
	16 };

static int
hex_digit(uint8_t c)
{
	return hex_digits[c] - 1;
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
 * Decodes, in place, bytes that stand for themselves and \xHH, which is what
 * binary data consists of, up to something else or close to the end.  Moves *to,
 * and returns where it has come to.
 *
 * A processor cannot predict which of both comes next, so this is no branch.
 */
static const uint8_t *
decode_binary(uint8_t **to, const uint8_t *from, const uint8_t *end)
{
	unsigned int escaped, value;

	while (end - from >= 4) {
		escaped = *from == '\\';
		value = (unsigned int)hex_digit(from[2]) << 4 |
		    (unsigned int)hex_digit(from[3]);
		if ((*from == '"') |
		    (escaped & ((from[1] != 'x') | (value > UINT8_MAX))))
			break;
		*(*to)++ = (uint8_t)((*from & (escaped - 1)) |
		    (value & (0 - escaped)));
		from += 1 + 3 * escaped;
	}
	return from;
}

/* The same for bytes that stand for themselves, eight at a time. */
static const uint8_t *
move_plain(uint8_t **to, const uint8_t *from, const uint8_t *end)
{
	uint64_t eight;

	while (end - from >= (ptrdiff_t)SWAR_SIZE) {
		eight = swar_load(from);
		if (swar_has(eight, '"') || swar_has(eight, '\\'))
			break;
		swar_store(*to, eight);
		*to += SWAR_SIZE;
		from += SWAR_SIZE;
	}
	return from;
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
	for (;;) {
		from = move_plain(&to, from, end);
		from = decode_binary(&to, from, end);
		if (from == end)
			return WORDS_UNBALANCED;
		if (*from == '"')
			break;
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
	from++;
	if (from != end && !is_blank(*from))
		return WORDS_UNBALANCED;
	*p += from - *p;
	return WORDS_OK;
}

/* Finds the end of a quoted word, without decoding it.  *p is at its opening
 * quote, and is moved behind the closing one. */
static enum words_result
skip_quoted(uint8_t **p, const uint8_t *end, struct bytes *word)
{
	const uint8_t *from = *p + 1, *quote, *q;

	for (;;) {
		if (from == end ||
		    (quote = memchr(from, '"', (size_t)(end - from))) == NULL)
			return WORDS_UNBALANCED;
		for (q = quote; q > from && q[-1] == '\\'; q--)
			;
		from = quote + 1;
		if ((quote - q) % 2 == 0)
			break;
	}
	if (from != end && !is_blank(*from))
		return WORDS_UNBALANCED;
	word->data = *p;
	word->size = (size_t)(from - *p);
	*p += word->size;
	return WORDS_OK;
}

static void
take_bare(uint8_t **p, const uint8_t *end, struct bytes *word)
{
	uint64_t eight;

	word->data = *p;
	while (end - *p >= (ptrdiff_t)SWAR_SIZE) {
		eight = swar_load(*p);
		if (swar_has(eight, ' ') || swar_has(eight, '\t'))
			break;
		*p += SWAR_SIZE;
	}
	while (*p != end && !is_blank(**p))
		(*p)++;
	word->size = (size_t)(*p - (const uint8_t *)word->data);
}

typedef enum words_result take_word(uint8_t **p, const uint8_t *end,
    struct bytes *);

static enum words_result
split(uint8_t *line, size_t size, struct buf *words, take_word *take)
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
		else if ((result = take(&p, end, &word)) != WORDS_OK)
			return result;
		buf_append(words, &word, sizeof(word));
	}
}

enum words_result
words_split(uint8_t *line, size_t size, struct buf *words)
{
	return split(line, size, words, take_quoted);
}

enum words_result
words_split_raw(const uint8_t *line, size_t size, struct buf *words)
{
	/* skip_quoted() changes nothing. */
	return split((uint8_t *)(uintptr_t)line, size, words, skip_quoted);
}

enum words_result
words_decode(struct bytes *word)
{
	uint8_t *p = (uint8_t *)(uintptr_t)word->data;

	return *p == '"' ? take_quoted(&p, p + word->size, word) : WORDS_OK;
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
