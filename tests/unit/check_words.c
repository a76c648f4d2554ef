/*
 * check_words: these tests check that bytes are split into lines, and lines
 * into words (proto/words).
 */

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "proto/words.h"

#define LINE_WORDS 6

struct split_case {
	struct bytes line;
	enum words_result result;
	size_t n;
	struct bytes words[LINE_WORDS];
};

#define B(text) UNIT_BYTES(text)

static const struct split_case split_table[] = {
	/* These lines are empty or contain only blanks. */
	{ B(""), WORDS_OK, 0, { { 0 } } },
	{ B(" "), WORDS_OK, 0, { { 0 } } },
	{ B("\t"), WORDS_OK, 0, { { 0 } } },
	{ B(" \t \t  "), WORDS_OK, 0, { { 0 } } },
	{ B("a"), WORDS_OK, 1, { B("a") } },
	{ B(" a"), WORDS_OK, 1, { B("a") } },
	{ B("a "), WORDS_OK, 1, { B("a") } },
	{ B("\ta\t"), WORDS_OK, 1, { B("a") } },
	{ B("GET b k"), WORDS_OK, 3, { B("GET"), B("b"), B("k") } },
	{ B("\t GET \t b\tk  "), WORDS_OK, 3, { B("GET"), B("b"), B("k") } },
	{ B("a b c d e f"), WORDS_OK, 6,
	    { B("a"), B("b"), B("c"), B("d"), B("e"), B("f") } },

	/* Only blanks end a bare word. */
	{ B("a\"b"), WORDS_OK, 1, { B("a\"b") } },
	{ B("a\""), WORDS_OK, 1, { B("a\"") } },
	{ B("a\"b c\""), WORDS_OK, 2, { B("a\"b"), B("c\"") } },
	{ B("a\"\" b"), WORDS_OK, 2, { B("a\"\""), B("b") } },
	{ B("\\"), WORDS_OK, 1, { B("\\") } },
	{ B("\\\"a b\\\""), WORDS_OK, 2, { B("\\\"a"), B("b\\\"") } },
	{ B("a\\n\\x41"), WORDS_OK, 1, { B("a\\n\\x41") } },
	{ B("'a b'"), WORDS_OK, 2, { B("'a"), B("b'") } },
	{ B("a\0b"), WORDS_OK, 1, { B("a\0b") } },
	{ B("\0"), WORDS_OK, 1, { B("\0") } },
	{ B("a\rb"), WORDS_OK, 1, { B("a\rb") } },
	{ B("a\r"), WORDS_OK, 1, { B("a\r") } },
	{ B("a\nb"), WORDS_OK, 1, { B("a\nb") } },
	{ B("a\v\f\177b"), WORDS_OK, 1, { B("a\v\f\177b") } },
	{ B("\x80\xff\xfe"), WORDS_OK, 1, { B("\x80\xff\xfe") } },
	{ B("\xc2\xa0 \xc3\xa9"), WORDS_OK, 2,
	    { B("\xc2\xa0"), B("\xc3\xa9") } },

	/* These words are quoted. */
	{ B("\"\""), WORDS_OK, 1, { B("") } },
	{ B(" \"\"\t"), WORDS_OK, 1, { B("") } },
	{ B("\"\" \"\""), WORDS_OK, 2, { B(""), B("") } },
	{ B("a \"\" b"), WORDS_OK, 3, { B("a"), B(""), B("b") } },
	{ B("\"a\""), WORDS_OK, 1, { B("a") } },
	{ B("\" a\tb \""), WORDS_OK, 1, { B(" a\tb ") } },
	{ B("\"a\"\t\"b\" c"), WORDS_OK, 3, { B("a"), B("b"), B("c") } },
	{ B("\"a\0b\""), WORDS_OK, 1, { B("a\0b") } },
	{ B("\"a\r\nb\""), WORDS_OK, 1, { B("a\r\nb") } },
	{ B("\"\x80\xff\""), WORDS_OK, 1, { B("\x80\xff") } },
	{ B("\"'\""), WORDS_OK, 1, { B("'") } },

	/* These words contain escapes. */
	{ B("\"\\\"\""), WORDS_OK, 1, { B("\"") } },
	{ B("\"\\\\\""), WORDS_OK, 1, { B("\\") } },
	{ B("\"\\n\""), WORDS_OK, 1, { B("\n") } },
	{ B("\"\\r\""), WORDS_OK, 1, { B("\r") } },
	{ B("\"\\t\""), WORDS_OK, 1, { B("\t") } },
	{ B("\"\\0\""), WORDS_OK, 1, { B("\0") } },
	{ B("\"\\01\""), WORDS_OK, 1,
	    { B("\0"
		"1") } },
	{ B("\"\\x00\""), WORDS_OK, 1, { B("\0") } },
	{ B("\"\\x41\""), WORDS_OK, 1, { B("A") } },
	{ B("\"\\x414\""), WORDS_OK, 1, { B("A4") } },
	{ B("\"\\xff\""), WORDS_OK, 1, { B("\xff") } },
	{ B("\"\\xFF\""), WORDS_OK, 1, { B("\xff") } },
	{ B("\"\\xaF\""), WORDS_OK, 1, { B("\xaf") } },
	{ B("\"\\xFa\""), WORDS_OK, 1, { B("\xfa") } },
	{ B("\"\\x09\\x90\""), WORDS_OK, 1, { B("\x09\x90") } },
	{ B("\"a\\\"b\\\\c\\nd\""), WORDS_OK, 1, { B("a\"b\\c\nd") } },
	{ B("\"\\\\\" b"), WORDS_OK, 2, { B("\\"), B("b") } },
	{ B("\"\\x22\""), WORDS_OK, 1, { B("\"") } },
	{ B("\"\\x5cn\""), WORDS_OK, 1, { B("\\n") } },
	{ B("\"\\x20\" \"\\x22\""), WORDS_OK, 2, { B(" "), B("\"") } },

	/* These escapes are bad. */
	{ B("\"\\a\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\N\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\1\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\'\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\ \""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\u0041\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\X41\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\\0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\\xff\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x4\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x4 \""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\xg0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x0g\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\xG0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x/0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x:0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x@0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x`0\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x-1\""), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x"), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("\"\\x4"), WORDS_BAD_ESCAPE, 0, { { 0 } } },
	{ B("a \"b\" \"\\q\" c"), WORDS_BAD_ESCAPE, 0, { { 0 } } },

	/* These quotes are unbalanced. */
	{ B("\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B(" \" "), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a b c"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\\"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\\"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\\\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\\\\\\\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\\x41"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\"b"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\"b\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\"\"b\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\"a"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\"\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"\"\"\""), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\"\r"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\"\0"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("\"a\"\v"), WORDS_UNBALANCED, 0, { { 0 } } },
	{ B("a b \"c"), WORDS_UNBALANCED, 0, { { 0 } } },
};

static void
assert_words(const struct buf *words, const struct split_case *c,
    const uint8_t *line)
{
	const struct bytes *got = words_get(words);
	const uint8_t *p;
	size_t i;

	ck_assert_uint_eq(words_count(words), c->n);
	for (i = 0; i < c->n; i++) {
		unit_assert_bytes(got[i], c->words[i]);
		p = got[i].data;
		ck_assert(p >= line && p + got[i].size <= line + c->line.size);
	}
}

TEST(test_split)
{
	const struct split_case *c = &split_table[_i];
	uint8_t *line = unit_copy(c->line.data, c->line.size);
	uint8_t earlier[] = "x y z";
	struct buf words;

	buf_init(&words);
	/* The words of an earlier line have to be removed. */
	ck_assert_int_eq(words_split(earlier, 5, &words), WORDS_OK);
	ck_assert_uint_eq(words_count(&words), 3);
	ck_assert_int_eq(words_split(line, c->line.size, &words), c->result);
	if (c->result == WORDS_OK)
		assert_words(&words, c, line);
	buf_clear(&words);
	free(line);
}

/* Splitting first and decoding then gives the same words. */
TEST(test_split_raw)
{
	const struct split_case *c = &split_table[_i];
	uint8_t *line = unit_copy(c->line.data, c->line.size);
	enum words_result result;
	struct bytes words[LINE_WORDS];
	struct buf raw;
	size_t n, i;

	buf_init(&raw);
	result = words_split_raw(line, c->line.size, &raw);
	ck_assert(
	    c->line.size == 0 || memcmp(line, c->line.data, c->line.size) == 0);
	n = words_count(&raw);
	ck_assert_uint_le(n, LINE_WORDS);
	for (i = 0; i < n && result == WORDS_OK; i++) {
		words[i] = words_get(&raw)[i];
		result = words_decode(&words[i]);
	}
	/* A bad escape before an unbalanced quote is found later. */
	ck_assert(result == c->result ||
	    (result == WORDS_UNBALANCED && c->result == WORDS_BAD_ESCAPE));
	ck_assert(c->result != WORDS_OK || n == c->n);
	for (i = 0; i < n && result == WORDS_OK; i++)
		unit_assert_bytes(words[i], c->words[i]);
	buf_clear(&raw);
	free(line);
}

static const struct {
	const char *text, *want; /* NULL: an error */
} parts[] = {
	{ "\\x41", "A" },
	{ "\\n", "\n" },
	{ "\\\"", "\"" },
	{ "\\\\", "\\" },
	{ "\\x5c\\x22", "\\\"" },
	{ "\\x41\\x42\\x43\\x44", "ABCD" },
	{ " ", " " },
	{ "\\x4g", NULL },
	{ "\\xg4", NULL },
	{ "\\x4 ", NULL },
	{ "\\y", NULL },
	{ "\"b", NULL },
};

static void
split_part(int part, int before, int after)
{
	static const char filling[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct buf words;
	char line[96], want[96];
	enum words_result result;
	uint8_t *copy;

	snprintf(line, sizeof(line), "\"%.*s%s%.*s\"", before, filling,
	    parts[part].text, after, filling);
	copy = unit_copy(line, strlen(line));
	buf_init(&words);
	result = words_split(copy, strlen(line), &words);
	ck_assert_int_eq(result == WORDS_OK, parts[part].want != NULL);
	if (parts[part].want != NULL) {
		snprintf(want, sizeof(want), "%.*s%s%.*s", before, filling,
		    parts[part].want, after, filling);
		ck_assert_uint_eq(words_count(&words), 1);
		unit_assert_bytes(words_get(&words)[0], bytes_from_text(want));
	}
	buf_clear(&words);
	free(copy);
}

/* Eight bytes are looked at at a time: each part is tried at each place. */
TEST(test_split_places)
{
	int before, after;

	for (before = 0; before < 20; before++)
		for (after = 0; after < 20; after++)
			split_part(_i, before, after);
}

/* An empty buffer has no memory. */
TEST(test_split_nothing)
{
	struct buf words;

	buf_init(&words);
	ck_assert_int_eq(words_split(NULL, 0, &words), WORDS_OK);
	ck_assert_uint_eq(words_count(&words), 0);
}

/* No beginning of a line is read past its end; sanitizers check that. */
TEST(test_split_cut)
{
	const struct split_case *c = &split_table[_i];
	enum words_result result;
	struct buf words;
	uint8_t *line;
	size_t size;

	buf_init(&words);
	for (size = 0; size < c->line.size; size++) {
		line = unit_copy(c->line.data, size);
		result = words_split(line, size, &words);
		ck_assert(result == WORDS_OK || result == WORDS_UNBALANCED ||
		    result == WORDS_BAD_ESCAPE);
		free(line);
	}
	buf_clear(&words);
}

/* This splits a line with the byte between the texts, and returns the number of
 * words. */
static size_t
split_around(const char *before, uint8_t byte, const char *after,
    enum words_result want, struct buf *words)
{
	static uint8_t line[16];
	size_t n = strlen(before);

	memcpy(line, before, n);
	line[n] = byte;
	memcpy(line + n + 1, after, strlen(after));
	n += 1 + strlen(after);
	if (words_split(line, n, words) != want)
		ck_abort_msg("%s0x%02x%s: wrong result", before, byte, after);
	return words_count(words);
}

/* Each byte is tried in a bare word, in a quoted word, and after a
 * backslash. */
TEST(test_split_every_byte)
{
	struct buf words;
	bool known;
	int c;

	buf_init(&words);
	for (c = 0; c < 256; c++) {
		ck_assert_uint_eq(
		    split_around("a", (uint8_t)c, "b", WORDS_OK, &words),
		    c == ' ' || c == '\t' ? 2 : 1);
		if (c != '"' && c != '\\') {
			split_around("\"", (uint8_t)c, "\"", WORDS_OK, &words);
			ck_assert_uint_eq(words_get(&words)->size, 1);
		}
		/* \x needs its digits. */
		known = c != '\0' && strchr("\"\\nrt0", c) != NULL;
		split_around("\"\\", (uint8_t)c, "\"",
		    known ? WORDS_OK : WORDS_BAD_ESCAPE, &words);
	}
	buf_clear(&words);
}

/* \xHH is tried for each byte, in lower and in upper case. */
TEST(test_split_every_hex)
{
	uint8_t line[8], byte;
	struct buf words;
	int c;

	buf_init(&words);
	for (c = 0; c < 512; c++) {
		byte = (uint8_t)c;
		if (c < 256)
			snprintf((char *)line, sizeof(line), "\"\\x%02x\"",
			    byte);
		else
			snprintf((char *)line, sizeof(line), "\"\\x%02X\"",
			    byte);
		ck_assert_int_eq(words_split(line, 6, &words), WORDS_OK);
		ck_assert_uint_eq(words_count(&words), 1);
		unit_assert_bytes(words_get(&words)[0],
		    ((struct bytes){ &byte, 1 }));
	}
	buf_clear(&words);
}

/* This makes the words 0, 1, ..., each of one byte followed by a blank. */
static uint8_t *
make_words(size_t n)
{
	uint8_t *line = malloc(2 * n);
	size_t i;

	ck_assert_ptr_nonnull(line);
	for (i = 0; i < n; i++) {
		line[2 * i] = (uint8_t)('a' + i % 26);
		line[2 * i + 1] = i % 2 == 0 ? ' ' : '\t';
	}
	return line;
}

TEST(test_split_many_words)
{
	size_t n = WORDS_MAX, i;
	uint8_t *line = make_words(n);
	struct buf words;

	buf_init(&words);
	ck_assert_int_eq(words_split(line, 2 * n, &words), WORDS_OK);
	ck_assert_uint_eq(words_count(&words), n);
	for (i = 0; i < n; i++)
		if (words_get(&words)[i].size != 1 ||
		    words_get(&words)[i].data != line + 2 * i)
			ck_abort_msg("word %zu is wrong", i);
	buf_clear(&words);
	free(line);
}

/* One word more is too many, whether bare, quoted, empty or unclosed. */
static const struct bytes excess_table[] = { B("x"), B(" \t x"), B("\"x\""),
	B("\"\""), B("\""), B("\"\\q\""), B("x y z") };

TEST(test_split_too_many_words)
{
	const struct bytes *more = &excess_table[_i];
	size_t n = WORDS_MAX;
	uint8_t *line = make_words(n), next[] = "a b";
	struct buf words;

	line = realloc(line, 2 * n + more->size);
	ck_assert_ptr_nonnull(line);
	memcpy(line + 2 * n, more->data, more->size);
	buf_init(&words);
	ck_assert_int_eq(words_split(line, 2 * n + more->size, &words),
	    WORDS_TOO_MANY);
	/* The count starts again with the next line. */
	ck_assert_int_eq(words_split(next, 3, &words), WORDS_OK);
	ck_assert_uint_eq(words_count(&words), 2);
	buf_clear(&words);
	free(line);
}

/* The longest line that a value of 1 MiB can need has each byte as \xHH. */
TEST(test_split_long_word)
{
	size_t n = (size_t)1 << 20, i;
	uint8_t *line = malloc(4 * n + 2);
	const uint8_t *p;
	struct buf words;

	ck_assert_ptr_nonnull(line);
	buf_init(&words);
	line[0] = line[4 * n + 1] = '"';
	for (i = 0; i < n; i++)
		memcpy(line + 1 + 4 * i, i % 2 == 0 ? "\\x0a" : "\\xFE", 4);
	ck_assert_int_eq(words_split(line, 4 * n + 2, &words), WORDS_OK);
	ck_assert_uint_eq(words_count(&words), 1);
	ck_assert_uint_eq(words_get(&words)->size, n);
	p = words_get(&words)->data;
	for (i = 0; i < n; i++)
		if (p[i] != (i % 2 == 0 ? 0x0a : 0xfe))
			ck_abort_msg("byte %zu is wrong", i);
	buf_clear(&words);
	free(line);
}

struct line_case {
	struct bytes data;
	bool found;
	size_t line_size, taken;
};

static const struct line_case line_table[] = {
	{ B(""), false, 0, 0 },
	{ B("a"), false, 0, 1 },
	{ B("abc def"), false, 0, 7 },
	{ B("\r"), false, 0, 1 },
	{ B("\0"), false, 0, 1 },
	{ B("a\r"), false, 0, 2 },
	{ B("a\r\r"), false, 0, 3 },
	{ B("a\0\r"), false, 0, 3 },
	{ B("a\rb\0"), false, 0, 4 },
	{ B("\n"), true, 0, 1 },
	{ B("\r\n"), true, 0, 2 },
	{ B("\r\0"), true, 0, 2 },
	{ B("\n\n"), true, 0, 1 },
	{ B("a\n"), true, 1, 2 },
	{ B("a\r\n"), true, 1, 3 },
	{ B("a\r\0"), true, 1, 3 },
	{ B("a\r\r\n"), true, 2, 4 },
	{ B("a\r\r\0"), true, 2, 4 },
	{ B("\r\r\n"), true, 1, 3 },
	{ B("a\r\nb\n"), true, 1, 3 },
	{ B("a\nb\r\n"), true, 1, 2 },
	{ B("a\nb\r\0"), true, 1, 2 },
	{ B("a\r\0b\n"), true, 1, 3 },
	{ B("a\r\0\n"), true, 1, 3 },
	{ B("a\r\n\0"), true, 1, 3 },
	{ B("a\n\r\0"), true, 1, 2 },
	{ B("a\rb\n"), true, 3, 4 },
	{ B("a\rb\r\0"), true, 3, 5 },
	{ B("a\0b\n"), true, 3, 4 },
	{ B("a\0\n"), true, 2, 3 },
	{ B("a\n\r"), true, 1, 2 },
	{ B("\xff\x80\n"), true, 2, 3 },
};

static bool
find_in_copy(const struct line_case *c, size_t size, size_t seen,
    size_t *line_size, size_t *taken)
{
	uint8_t *data = unit_copy(c->data.data, size);
	bool found = words_find_line(data, size, seen, line_size, taken);

	free(data);
	return found;
}

static void
assert_line(const struct line_case *c, size_t size, bool found,
    size_t line_size, size_t taken)
{
	ck_assert_int_eq(found, c->found && c->taken <= size);
	if (found)
		ck_assert_uint_eq(line_size, c->line_size);
	ck_assert_uint_eq(taken, found ? c->taken : size);
}

/* The line is split in two and three pieces at each place, with `seen`. */
TEST(test_find_line)
{
	const struct line_case *c = &line_table[_i];
	size_t first, second, line_size, taken, seen;
	bool found;

	for (first = 0; first <= c->data.size; first++) {
		found = find_in_copy(c, first, 0, &line_size, &seen);
		assert_line(c, first, found, line_size, seen);
		if (found)
			continue;
		for (second = first; second <= c->data.size; second++) {
			found =
			    find_in_copy(c, second, seen, &line_size, &taken);
			assert_line(c, second, found, line_size, taken);
		}
	}
}

TEST(test_find_line_byte_by_byte)
{
	const struct line_case *c = &line_table[_i];
	size_t size, line_size, seen = 0;
	bool found = false;

	for (size = 0; size <= c->data.size && !found; size++) {
		found = find_in_copy(c, size, seen, &line_size, &seen);
		assert_line(c, size, found, line_size, seen);
	}
	ck_assert_int_eq(found, c->found);
}

TEST(test_find_line_null)
{
	size_t line_size, taken = 7;

	ck_assert(!words_find_line(NULL, 0, 0, &line_size, &taken));
	ck_assert_uint_eq(taken, 0);
}

#define STREAM                               \
	"a\nbb\r\n\r\0ccc\r\0\n\r\r\nd\re\n" \
	"f\0g\r\n\n\n\r\n\"h\r\0unfinished\r"
static const struct bytes stream = B(STREAM);
static const struct bytes stream_lines[] = { B("a"), B("bb"), B(""), B("ccc"),
	B(""), B("\r"), B("d\re"), B("f\0g"), B(""), B(""), B(""), B("\"h") };

/* This takes the lines out of the buffer; it returns the new `seen`. */
static size_t
take_lines(struct buf *b, size_t seen, size_t *n)
{
	size_t line_size, taken;

	while (words_find_line(buf_data(b), buf_size(b), seen, &line_size,
	    &taken)) {
		ck_assert_uint_lt(*n, COUNT(stream_lines));
		unit_assert_bytes(((struct bytes){ buf_data(b), line_size }),
		    stream_lines[*n]);
		(*n)++;
		buf_consume(b, taken);
		seen = 0;
	}
	return taken;
}

/* The stream comes in pieces of each size. */
TEST(test_find_line_stream)
{
	const uint8_t *data = stream.data;
	size_t at, piece, seen = 0, n = 0;
	struct buf b;

	buf_init(&b);
	for (at = 0; at < stream.size; at += piece) {
		piece = (size_t)_i;
		if (piece > stream.size - at)
			piece = stream.size - at;
		buf_append(&b, data + at, piece);
		seen = take_lines(&b, seen, &n);
	}
	ck_assert_uint_eq(n, COUNT(stream_lines));
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("unfinished\r"));
	buf_clear(&b);
}

static const struct {
	struct bytes word;
	const char *keyword;
	bool equal;
} equal_table[] = {
	{ B("GET"), "GET", true },
	{ B("get"), "GET", true },
	{ B("gEt"), "GET", true },
	{ B("abcdefghijklmnopqrstuvwxyz"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ", true },
	{ B(""), "", true },
	{ { NULL, 0 }, "", true },
	{ { NULL, 0 }, "GET", false },
	{ B(""), "GET", false },
	{ B("G"), "GET", false },
	{ B("GE"), "GET", false },
	{ B("GETS"), "GET", false },
	{ B("GET\0"), "GET", false },
	{ B("G\0T"), "GET", false },
	{ B("GET "), "GET", false },
	{ B("\0"), "", false },
	{ B("G"), "", false },
	/* These bytes differ from letters in one bit, but they are not
	 * letters. */
	{ B("\x07"
	    "ET"),
	    "GET", false },
	{ B("\xc7\xc5\xd4"), "GET", false },
	{ B("\xe7\xe5\xf4"), "GET", false },
	{ B("`"), "@", false },
	{ B("{"), "[", false },
};

TEST(test_equal)
{
	struct bytes word = equal_table[_i].word;
	uint8_t *copy = unit_copy(word.data, word.size);

	word.data = copy;
	ck_assert_int_eq(words_equal(word, equal_table[_i].keyword),
	    equal_table[_i].equal);
	free(copy);
}

static const struct test tests[] = {
	CASE("words", NULL, NULL),
	EACH(test_split, split_table),
	EACH(test_split_raw, split_table),
	EACH(test_split_places, parts),
	ONCE(test_split_nothing),
	EACH(test_split_cut, split_table),
	ONCE(test_split_every_byte),
	ONCE(test_split_every_hex),
	ONCE(test_split_many_words),
	EACH(test_split_too_many_words, excess_table),
	ONCE(test_split_long_word),
	EACH(test_find_line, line_table),
	EACH(test_find_line_byte_by_byte, line_table),
	ONCE(test_find_line_null),
	LOOP_FROM(test_find_line_stream, 1, sizeof(STREAM)),
	EACH(test_equal, equal_table),
};

SUITE("words", tests)
