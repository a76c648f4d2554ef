/*
 * check_format: these tests check data lines and status lines (proto/format),
 * and that words_split() reads back what format_line() wrote.
 */

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/utf8.h"
#include "proto/answer.h"
#include "proto/format.h"
#include "proto/words.h"

#define LINE_WORDS 4

#define B(text) UNIT_BYTES(text)

static struct buf out;

static void
setup(void)
{
	buf_init(&out);
}

static void
teardown(void)
{
	buf_clear(&out);
}

struct line_case {
	size_t n;
	struct bytes words[LINE_WORDS];
	struct bytes line; /* The line is without its CR LF. */
};

static const struct line_case line_table[] = {
	{ 0, { { 0 } }, B("") },
	{ 1, { { NULL, 0 } }, B("\"\"") },
	{ 1, { B("") }, B("\"\"") },
	{ 2, { B(""), B("") }, B("\"\" \"\"") },
	{ 1, { B("a") }, B("a") },
	{ 3, { B("a"), B("b"), B("c") }, B("a b c") },
	{ 3, { B("a"), B(""), B("b c") }, B("a \"\" \"b c\"") },

	/* A quote is special only at the beginning of a word. */
	{ 1, { B("\"") }, B("\"\\\"\"") },
	{ 1, { B("\"a") }, B("\"\\\"a\"") },
	{ 1, { B("a\"") }, B("a\"") },
	{ 1, { B("a\"b") }, B("a\"b") },
	{ 1, { B("a \"b\"") }, B("\"a \\\"b\\\"\"") },
	{ 1, { B("\\") }, B("\\") },
	{ 1, { B("\\n") }, B("\\n") },
	{ 1, { B(" \\n") }, B("\" \\\\n\"") },
	{ 1, { B("'a'") }, B("'a'") },

	/* These are blanks and control characters: C0, DEL and C1. */
	{ 1, { B(" ") }, B("\" \"") },
	{ 1, { B("a b") }, B("\"a b\"") },
	{ 1, { B("a ") }, B("\"a \"") },
	{ 1, { B("\t") }, B("\"\\t\"") },
	{ 1, { B("\n") }, B("\"\\n\"") },
	{ 1, { B("\r") }, B("\"\\r\"") },
	{ 1, { B("\r\nOK\r\n") }, B("\"\\r\\nOK\\r\\n\"") },
	{ 1, { B("\0") }, B("\"\\x00\"") },
	{ 1,
	    { B("a\0"
		"1") },
	    B("\"a\\x001\"") },
	{ 1, { B("\a\b\v\f\033") }, B("\"\\x07\\x08\\x0b\\x0c\\x1b\"") },
	{ 1, { B("\x1f") }, B("\"\\x1f\"") },
	{ 1, { B("~") }, B("~") },
	{ 1, { B("\x7f") }, B("\"\\x7f\"") },
	{ 1, { B("\xc2\x80") }, B("\"\\xc2\\x80\"") },
	{ 1,
	    { B("\xc2\x9b"
		"2J") },
	    B("\"\\xc2\\x9b2J\"") },
	{ 1, { B("\xc2\x9f") }, B("\"\\xc2\\x9f\"") },
	{ 1, { B("\xc2\xa0") }, B("\xc2\xa0") },
	{ 1, { B("\033[31m") }, B("\"\\x1b[31m\"") },

	/* These are the first and last UTF-8 characters of each length, and
	 * those on both sides of the gaps. */
	{ 1, { B("\xdf\xbf") }, B("\xdf\xbf") },
	{ 1, { B("\xe0\xa0\x80") }, B("\xe0\xa0\x80") },
	{ 1, { B("\xe2\x82\xac") }, B("\xe2\x82\xac") },
	{ 1, { B("\xed\x9f\xbf") }, B("\xed\x9f\xbf") },
	{ 1, { B("\xee\x80\x80") }, B("\xee\x80\x80") },
	{ 1, { B("\xef\xbf\xbf") }, B("\xef\xbf\xbf") },
	{ 1, { B("\xf0\x90\x80\x80") }, B("\xf0\x90\x80\x80") },
	{ 1, { B("\xf4\x8f\xbf\xbf") }, B("\xf4\x8f\xbf\xbf") },
	{ 1, { B("na\xc3\xafve") }, B("na\xc3\xafve") },
	/* In a quoted word valid UTF-8 is not escaped. */
	{ 1, { B("\xc3\xa9 \xf0\x9f\x98\x80") },
	    B("\"\xc3\xa9 \xf0\x9f\x98\x80\"") },

	/* These are lone continuation bytes, overlong forms, surrogates, code
	 * points that are too high, and bytes that are never valid. */
	{ 1, { B("\x80") }, B("\"\\x80\"") },
	{ 1, { B("\xbf") }, B("\"\\xbf\"") },
	{ 1, { B("\xc0\x80") }, B("\"\\xc0\\x80\"") },
	{ 1, { B("\xc1\xbf") }, B("\"\\xc1\\xbf\"") },
	{ 1, { B("\xe0\x80\x80") }, B("\"\\xe0\\x80\\x80\"") },
	{ 1, { B("\xe0\x9f\xbf") }, B("\"\\xe0\\x9f\\xbf\"") },
	{ 1, { B("\xed\xa0\x80") }, B("\"\\xed\\xa0\\x80\"") },
	{ 1, { B("\xed\xbf\xbf") }, B("\"\\xed\\xbf\\xbf\"") },
	{ 1, { B("\xf0\x8f\xbf\xbf") }, B("\"\\xf0\\x8f\\xbf\\xbf\"") },
	{ 1, { B("\xf4\x90\x80\x80") }, B("\"\\xf4\\x90\\x80\\x80\"") },
	{ 1, { B("\xf5\x80\x80\x80") }, B("\"\\xf5\\x80\\x80\\x80\"") },
	{ 1, { B("\xf8\x88\x80\x80\x80") },
	    B("\"\\xf8\\x88\\x80\\x80\\x80\"") },
	{ 1, { B("\xfe") }, B("\"\\xfe\"") },
	{ 1, { B("\xff") }, B("\"\\xff\"") },

	/* These characters are truncated, at the end or by another
	 * character. */
	{ 1, { B("\xc2") }, B("\"\\xc2\"") },
	{ 1, { B("\xc3") }, B("\"\\xc3\"") },
	{ 1, { B("\xe2\x82") }, B("\"\\xe2\\x82\"") },
	{ 1, { B("\xf0\x9f\x98") }, B("\"\\xf0\\x9f\\x98\"") },
	{ 1,
	    { B("\xc3"
		"A") },
	    B("\"\\xc3A\"") },
	{ 1,
	    { B("\xe2\x82"
		"A") },
	    B("\"\\xe2\\x82A\"") },
	{ 1, { B("\xe2(\xa1") }, B("\"\\xe2(\\xa1\"") },
	{ 1, { B("\xf0\x9f\x98(") }, B("\"\\xf0\\x9f\\x98(\"") },
	{ 1, { B("\xc3\xc3\xa9") }, B("\"\\xc3\xc3\xa9\"") },
	{ 1,
	    { B("\xe2\xc3\xa9\xff"
		"b") },
	    B("\"\\xe2\xc3\xa9\\xff"
	      "b\"") },
	{ 2, { B("\xe2\x82"), B("\xac") }, B("\"\\xe2\\x82\" \"\\xac\"") },

	/* Without quotes these words would read like a status line. */
	{ 1, { B("OK") }, B("\"OK\"") },
	{ 2, { B("OK"), B("a") }, B("OK a") },
	{ 2, { B("OK"), B("") }, B("OK \"\"") },
	{ 2, { B("a"), B("OK") }, B("a OK") },
	{ 1, { B("ok") }, B("ok") },
	{ 1, { B("Ok") }, B("Ok") },
	{ 1, { B("O") }, B("O") },
	{ 1, { B("OKAY") }, B("OKAY") },
	{ 1, { B("CONFLICT") }, B("\"CONFLICT\"") },
	{ 2, { B("CONFLICT"), B("a") }, B("CONFLICT a") },
	{ 1, { B("QUEUED") }, B("\"QUEUED\"") },
	{ 2, { B("QUEUED"), B("a") }, B("QUEUED a") },
	{ 1, { B("NOT") }, B("NOT") },
	{ 1, { B("FOUND") }, B("FOUND") },
	{ 2, { B("NOT"), B("FOUND") }, B("\"NOT\" \"FOUND\"") },
	{ 1, { B("NOT FOUND") }, B("\"NOT FOUND\"") },
	{ 3, { B("NOT"), B("FOUND"), B("a") }, B("NOT FOUND a") },
	{ 3, { B("a"), B("NOT"), B("FOUND") }, B("a NOT FOUND") },
	{ 2, { B("FOUND"), B("NOT") }, B("FOUND NOT") },
	{ 2, { B("NOT"), B("found") }, B("NOT found") },
	{ 2, { B("UNKNOWN"), B("COMMAND") }, B("\"UNKNOWN\" \"COMMAND\"") },
	{ 1, { B("UNKNOWN COMMAND") }, B("\"UNKNOWN COMMAND\"") },
	{ 1, { B("UNKNOWN") }, B("UNKNOWN") },
	{ 3, { B("UNKNOWN"), B("COMMAND"), B("a") }, B("UNKNOWN COMMAND a") },
	{ 2, { B("UNKNOWN"), B("FOUND") }, B("UNKNOWN FOUND") },
	{ 1, { B("ERROR") }, B("\"ERROR\"") },
	{ 2, { B("ERROR"), B("x") }, B("\"ERROR\" \"x\"") },
	{ 3, { B("ERROR"), B("x"), B("y z") }, B("\"ERROR\" \"x\" \"y z\"") },
	{ 2, { B("ERROR"), B("") }, B("\"ERROR\" \"\"") },
	{ 2, { B("ERROR"), B("a\"\\") }, B("\"ERROR\" \"a\\\"\\\\\"") },
	{ 2, { B("ERROR"), B("\xc3\xa9") }, B("\"ERROR\" \"\xc3\xa9\"") },
	{ 1, { B("ERROR x") }, B("\"ERROR x\"") },
	{ 1, { B("error") }, B("error") },
	{ 1, { B("ERRORS") }, B("ERRORS") },
	{ 2, { B("x"), B("ERROR") }, B("x ERROR") },
};

/* This returns the line in `out` without its CR LF, which must be present. */
static struct bytes
line_of_out(void)
{
	size_t size = buf_size(&out);

	/* This runs too often for ck_assert, which writes to a file. */
	if (size < 2 || memcmp(buf_data(&out) + size - 2, "\r\n", 2) != 0)
		ck_abort_msg("no CR LF at the end");
	return (struct bytes){ buf_data(&out), size - 2 };
}

TEST(test_line)
{
	const struct line_case *c = &line_table[_i];
	struct bytes words[LINE_WORDS];
	size_t i;

	for (i = 0; i < c->n; i++) {
		words[i] = c->words[i];
		if (words[i].data != NULL)
			words[i].data = unit_copy(words[i].data, words[i].size);
	}
	format_line(&out, words, c->n);
	unit_assert_bytes(line_of_out(), c->line);
	for (i = 0; i < c->n; i++)
		free((void *)(uintptr_t)words[i].data);
}

/* A line is appended to the bytes in the buffer. */
TEST(test_line_appends)
{
	struct bytes word = bytes_from_text("b");

	buf_append_text(&out, "a\r\n");
	format_line(&out, &word, 1);
	format_line(&out, NULL, 0);
	format_status(&out, STATUS_OK);
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text("a\r\nb\r\n\r\nOK\r\n"));
}

static size_t
encode_utf8(uint32_t c, uint8_t *p)
{
	if (c < 0x80) {
		p[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (uint8_t)(0xc0 | c >> 6);
		p[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (uint8_t)(0xe0 | c >> 12);
		p[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		p[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	p[0] = (uint8_t)(0xf0 | c >> 18);
	p[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	p[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	p[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static bool
may_be_bare(uint32_t c)
{
	if (c <= ' ' || c == '"' || (c >= 0x7f && c <= 0x9f))
		return false;
	return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* This tries all of the first plane, and a sample of the other planes and of
 * the numbers above. */
TEST(test_code_points)
{
	uint8_t text[4];
	struct bytes word = { .data = text };
	uint32_t c;

	for (c = 0; c < 0x140000; c += c < 0x10000 ? 1 : 251) {
		word.size = encode_utf8(c, text);
		buf_truncate(&out, 0);
		format_line(&out, &word, 1);
		if (bytes_equal(line_of_out(), word) != may_be_bare(c))
			ck_abort_msg("U+%04X", c);
	}
}

static const struct {
	enum status status;
	const char *text;
} status_table[] = {
	{ STATUS_OK, "OK\r\n" },
	{ STATUS_NOT_FOUND, "NOT FOUND\r\n" },
	{ STATUS_UNKNOWN_COMMAND, "UNKNOWN COMMAND\r\n" },
	{ STATUS_CONFLICT, "CONFLICT\r\n" },
	{ STATUS_QUEUED, "QUEUED\r\n" },
	{ STATUS_BAD_ESCAPE, "ERROR bad escape\r\n" },
	{ STATUS_UNBALANCED_QUOTES, "ERROR unbalanced quotes\r\n" },
	{ STATUS_TOO_MANY_WORDS, "ERROR too many words\r\n" },
	{ STATUS_LINE_TOO_LONG, "ERROR line too long\r\n" },
	{ STATUS_UNTERMINATED_LINE, "ERROR unterminated line\r\n" },
	{ STATUS_BUCKET_EMPTY, "ERROR bucket name empty\r\n" },
	{ STATUS_BUCKET_TOO_LONG, "ERROR bucket name too long\r\n" },
	{ STATUS_KEY_EMPTY, "ERROR key empty\r\n" },
	{ STATUS_KEY_TOO_LONG, "ERROR key too long\r\n" },
	{ STATUS_VALUE_TOO_LONG, "ERROR value too long\r\n" },
	{ STATUS_NOT_A_NUMBER, "ERROR not a number\r\n" },
	{ STATUS_OUT_OF_RANGE, "ERROR out of range\r\n" },
	{ STATUS_VALUE_NOT_A_NUMBER, "ERROR value not a number\r\n" },
	{ STATUS_OVERFLOW, "ERROR overflow\r\n" },
	{ STATUS_NO_TRANSACTION, "ERROR no transaction\r\n" },
	{ STATUS_IN_TRANSACTION, "ERROR already in a transaction\r\n" },
	{ STATUS_CANNOT_BE_QUEUED, "ERROR cannot be queued\r\n" },
	{ STATUS_TRANSACTION_TOO_LARGE, "ERROR transaction too large\r\n" },
	{ STATUS_TOO_MANY_LISTINGS, "ERROR too many listings\r\n" },
	{ STATUS_SNAPSHOT_LOST, "ERROR snapshot lost\r\n" },
	{ STATUS_TOO_MANY_SUBSCRIPTIONS, "ERROR too many subscriptions\r\n" },
	{ STATUS_LAGGED, "ERROR lagged\r\n" },
	{ STATUS_STORAGE_FULL, "ERROR storage full\r\n" },
	{ STATUS_DATA_DAMAGED, "ERROR data damaged\r\n" },
	{ STATUS_REGISTRY_UNAVAILABLE, "ERROR registry unavailable\r\n" },
	{ STATUS_IDLE_TIMEOUT, "ERROR idle timeout\r\n" },
	{ STATUS_SHUTTING_DOWN, "ERROR shutting down\r\n" },
	{ STATUS_DISCONNECTED, "ERROR disconnected\r\n" },
	{ STATUS_TOO_MANY_KEYS, "ERROR too many keys\r\n" },
	{ STATUS_REPLY_TOO_LARGE, "ERROR reply too large\r\n" },
};

TEST(test_status)
{
	format_status(&out, status_table[_i].status);
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text(status_table[_i].text));
}

/* If the words of a status line are sent as data, the result differs from that
 * line. */
TEST(test_status_as_data)
{
	char *line = strdup(status_table[_i].text);
	struct buf words;

	ck_assert_ptr_nonnull(line);
	buf_init(&words);
	line[strlen(line) - 2] = '\0';
	ck_assert_int_eq(words_split((uint8_t *)line, strlen(line), &words),
	    WORDS_OK);
	format_line(&out, words_get(&words), words_count(&words));
	ck_assert_int_eq(buf_data(&out)[0], '"');
	buf_clear(&words);
	free(line);
}

/* Every status has a text that no other status has. */
TEST(test_status_all)
{
	int a, b;

	ck_assert_uint_eq(COUNT(status_table), STATUS_END);
	for (a = 0; a < STATUS_END; a++) {
		buf_truncate(&out, 0);
		format_status(&out, (enum status)a);
		(void)line_of_out();
		for (b = 0; b < a; b++)
			if (status_table[b].status != (enum status)a &&
			    bytes_equal(buf_bytes(&out),
				bytes_from_text(status_table[b].text)))
				ck_abort_msg("%d and %d are the same", a, b);
	}
}

/* This builds the body of a reply as the registry would send it. */
static void
put_line(struct buf *body, const struct bytes *words, uint16_t n)
{
	uint16_t i;

	message_put_u16(body, n);
	for (i = 0; i < n; i++)
		message_put_value(body, words[i]);
}

static bool
reply(const void *body, size_t size)
{
	uint8_t *copy = unit_copy(body, size);
	bool good;

	buf_truncate(&out, 0);
	good = format_reply(&out, (struct bytes){ copy, size });
	free(copy);
	return good;
}

TEST(test_reply)
{
	static const struct bytes words[] = { B("a"), B(""), B("b c") };
	static const struct bytes eight[] = { B("1"), B("2"), B("3"), B("4"),
		B("5"), B("6"), B("7"), B("8") };
	static const struct bytes ok = B("OK");
	struct buf body;

	buf_init(&body);
	message_put_u8(&body, STATUS_OK);
	put_line(&body, words, 3);
	put_line(&body, NULL, 0);
	put_line(&body, &ok, 1);
	put_line(&body, eight, 8);
	ck_assert(reply(buf_data(&body), buf_size(&body)));
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text("a \"\" \"b c\"\r\n\r\n\"OK\"\r\n"
			    "1 2 3 4 5 6 7 8\r\nOK\r\n"));
	buf_clear(&body);
}

/* There is a reply for each status, and for each byte that is not a status. */
TEST(test_reply_status)
{
	uint8_t status;
	int i;

	for (i = 0; i < 256; i++) {
		status = (uint8_t)i;
		ck_assert_int_eq(reply(&status, 1), i < STATUS_END);
		if (i < STATUS_END)
			unit_assert_bytes(buf_bytes(&out),
			    bytes_from_text(status_table[i].text));
	}
}

/* The reply to a transaction has status lines between data lines. */
TEST(test_reply_status_lines)
{
	static const struct bytes word = B("OK");
	struct buf body;
	int i;

	buf_init(&body);
	message_put_u8(&body, STATUS_OK);
	answer_put_status_line(&body, STATUS_OK);
	put_line(&body, &word, 1);
	answer_put_status_line(&body, STATUS_NOT_FOUND);
	ck_assert(reply(buf_data(&body), buf_size(&body)));
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text("OK\r\n\"OK\"\r\nNOT FOUND\r\nOK\r\n"));
	ck_assert(!reply(buf_data(&body), buf_size(&body) - 1));
	for (i = 0; i < 256; i++) {
		buf_truncate(&body, 1);
		answer_put_status_line(&body, (enum status)i);
		ck_assert_int_eq(reply(buf_data(&body), buf_size(&body)),
		    i < STATUS_END);
	}
	buf_clear(&body);
}

TEST(test_reply_truncated)
{
	static const struct bytes words[] = { B("key"), B("value"), B("") };
	size_t ends[3], size;
	struct buf body;

	buf_init(&body);
	message_put_u8(&body, STATUS_OK);
	ends[0] = buf_size(&body);
	put_line(&body, words, 2);
	ends[1] = buf_size(&body);
	put_line(&body, words + 1, 2);
	ends[2] = buf_size(&body);
	for (size = 0; size <= ends[2]; size++)
		ck_assert_int_eq(reply(buf_data(&body), size),
		    size == ends[0] || size == ends[1] || size == ends[2]);
	buf_clear(&body);
}

/* A body consists of a status, a u16 number of words and u32 sizes; the test
 * adds them in host byte order. */
static const struct {
	uint16_t n;
	uint32_t value_size;
	bool good;
} malformed_table[] = {
	/* There is no word, so the size is not written. */
	{ 0, UINT32_MAX, true },
	{ 1, 0, true },
	{ 1, 1, false },
	{ 1, 0x7fffffff, false },
	{ 1, 0x80000000, false },
	{ 1, UINT32_MAX, false },
	{ 2, 0, false },
	{ 8, 0, false },
	{ 9, 0, false },
	{ UINT16_MAX, 0, false },
};

TEST(test_reply_malformed)
{
	struct buf body;

	buf_init(&body);
	message_put_u8(&body, STATUS_OK);
	message_put_u16(&body, malformed_table[_i].n);
	if (malformed_table[_i].n > 0)
		message_put_u32(&body, malformed_table[_i].value_size);
	ck_assert_int_eq(reply(buf_data(&body), buf_size(&body)),
	    malformed_table[_i].good);
	buf_clear(&body);
}

/* The line has one word more than the limit, and all nine words are present. */
TEST(test_reply_too_many_words)
{
	static const struct bytes nine[9] = { B("1"), B("2"), B("3"), B("4"),
		B("5"), B("6"), B("7"), B("8"), B("9") };
	struct buf body;

	buf_init(&body);
	message_put_u8(&body, STATUS_OK);
	put_line(&body, nine, 9);
	ck_assert(!reply(buf_data(&body), buf_size(&body)));
	buf_clear(&body);
}

static bool
is_safe_line(struct bytes line)
{
	const uint8_t *p = line.data;
	size_t i;

	for (i = 0; i < line.size; i++)
		if (p[i] < ' ' || p[i] == 0x7f ||
		    (p[i] == 0xc2 && i + 1 < line.size && p[i + 1] < 0xa0))
			return false;
	for (i = 0; i < COUNT(status_table); i++)
		if (line.size + 2 == strlen(status_table[i].text) &&
		    memcmp(p, status_table[i].text, line.size) == 0)
			return false;
	return line.size < 6 || memcmp(p, "ERROR ", 6) != 0;
}

static void
round_trip(const struct bytes *words, size_t n, struct buf *split)
{
	struct bytes line;
	uint8_t *copy;
	size_t i;

	buf_truncate(&out, 0);
	format_line(&out, words, n);
	line = line_of_out();
	if (!is_safe_line(line))
		ck_abort_msg("not safe: %.*s", (int)line.size,
		    (const char *)line.data);
	copy = unit_copy(line.data, line.size);
	if (words_split(copy, line.size, split) != WORDS_OK ||
	    words_count(split) != n)
		ck_abort_msg("cannot be read: %.*s", (int)line.size,
		    (const char *)line.data);
	for (i = 0; i < n; i++)
		if (!bytes_equal(words[i], words_get(split)[i]))
			ck_abort_msg("word %zu of: %.*s", i, (int)line.size,
			    (const char *)line.data);
	free(copy);
}

TEST(test_round_trip_table)
{
	const struct line_case *c = &line_table[_i];
	struct buf split;

	buf_init(&split);
	round_trip(c->words, c->n, &split);
	buf_clear(&split);
}

/* Each byte is tried alone, after and before a letter, twice, and after a
 * C3. */
TEST(test_round_trip_every_byte)
{
	uint8_t text[8];
	struct bytes words[5];
	struct buf split;
	size_t i;
	int c;

	buf_init(&split);
	for (c = 0; c < 256; c++) {
		memset(text, c, sizeof(text));
		text[1] = text[4] = 'a';
		text[7] = 0xc3;
		text[6] = text[5] = (uint8_t)c;
		words[0] = (struct bytes){ text, 1 };
		words[1] = (struct bytes){ text, 2 };
		words[2] = (struct bytes){ text + 1, 2 };
		words[3] = (struct bytes){ text + 2, 2 };
		words[4] = (struct bytes){ text + 5, 3 };
		for (i = 0; i < 5; i++)
			round_trip(&words[i], 1, &split);
		round_trip(words, 5, &split);
	}
	buf_clear(&split);
}

/* These pieces are special to format_line() or to words_split(). */
static const struct bytes pieces[] = { B("\""), B("\\"), B(" "), B("\t"),
	B("\r"), B("\n"), B("\0"), B("x"), B("41"), B("\\x"), B("\\x4"),
	B("\\n"), B("OK"), B("ERROR"), B("ERROR x"), B("NOT"), B("FOUND"),
	B("\x7f"), B("\x80"), B("\xc2"), B("\xc2\x9b"), B("\xc3\xa9"),
	B("\xe2\x82"), B("\xe2\x82\xac"), B("\xed\xa0\x80"), B("\xf0\x9f"),
	B("\xf0\x9f\x98\x80"), B("\xff"), B("\xf4\x90\x80\x80") };

/* This fills a word with random bytes or pieces and returns its size. */
static size_t
random_word(uint64_t *state, uint8_t *text, size_t max)
{
	size_t size = 0, n = unit_random(state) % 12;
	bool whole = unit_random(state) % 2 == 0;
	const struct bytes *piece;

	for (; n > 0 && size + 8 < max; n--) {
		if (whole) {
			piece = &pieces[unit_random(state) % COUNT(pieces)];
			memcpy(text + size, piece->data, piece->size);
			size += piece->size;
		} else
			text[size++] = (uint8_t)unit_random(state);
	}
	return size;
}

TEST(test_round_trip_random)
{
	uint64_t state = 0x6b7664 + (uint64_t)_i;
	uint8_t texts[LINE_WORDS][128];
	struct bytes words[LINE_WORDS];
	struct buf split;
	size_t n, i;
	int round;

	buf_init(&split);
	for (round = 0; round < 5000; round++) {
		n = 1 + unit_random(&state) % LINE_WORDS;
		for (i = 0; i < n; i++) {
			words[i].data = texts[i];
			words[i].size =
			    random_word(&state, texts[i], sizeof(texts[i]));
		}
		round_trip(words, n, &split);
	}
	buf_clear(&split);
}

/* The largest value consists of bytes that all need four characters. */
TEST(test_round_trip_large)
{
	size_t size = (size_t)1 << 20;
	uint8_t *text = malloc(size);
	struct bytes word = { text, size };
	struct buf split;

	ck_assert_ptr_nonnull(text);
	memset(text, _i, size);
	buf_init(&split);
	round_trip(&word, 1, &split);
	ck_assert(!buf_failed(&out));
	ck_assert_uint_le(buf_size(&out), 4 * size + 4);
	buf_clear(&split);
	free(text);
}

/* This quotes a word byte by byte, in the way that format_line() must. */
static void
quote_slowly(struct buf *b, struct bytes word)
{
	const uint8_t *p = word.data;
	size_t i, n;
	char text[8];

	buf_append_byte(b, '"');
	for (i = 0; i < word.size; i += n) {
		n = utf8_printable_size(p + i, word.size - i);
		if (n != 0 && p[i] != '"' && p[i] != '\\') {
			buf_append(b, p + i, n);
			continue;
		}
		n = 1;
		if (p[i] == '"' || p[i] == '\\')
			snprintf(text, sizeof(text), "\\%c", p[i]);
		else if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t')
			snprintf(text, sizeof(text), "\\%c",
			    p[i] == '\n'     ? 'n' :
				p[i] == '\r' ? 'r' :
					       't');
		else
			snprintf(text, sizeof(text), "\\x%02x", p[i]);
		buf_append_text(b, text);
	}
	buf_append_byte(b, '"');
}

static void
try_word(struct bytes word, struct buf *want)
{
	uint8_t *copy = unit_copy(word.data, word.size);
	struct bytes line;
	bool good;

	word.data = copy;
	buf_truncate(&out, 0);
	format_line(&out, &word, 1);
	line = line_of_out();
	if (bytes_equal(line, word))
		good = format_is_safe(word) && copy[0] != '"' &&
		    memchr(copy, ' ', word.size) == NULL;
	else {
		buf_truncate(want, 0);
		quote_slowly(want, word);
		good = bytes_equal(line, buf_bytes(want));
	}
	/* This runs too often for ck_assert, which writes to a file. */
	if (!good)
		ck_abort_msg("%.*s", (int)line.size, (const char *)line.data);
	free(copy);
}

/* format_line() looks at eight bytes at a time: each byte is tried at each
 * place in a word, with ends and other bytes near. */
TEST(test_places)
{
	static const char *const fillings[] = { "aaaaaaaa", " a a a a",
		"\xc3\xa9\xe2\x82\xac\xc3\xa9 ", "\xff\x01\\\"\n\xe2\x82\xf0" };
	uint8_t text[24];
	struct buf want;
	size_t size, place, i;

	buf_init(&want);
	for (size = 1; size <= sizeof(text); size++)
		for (place = 0; place < 256 * size; place++) {
			for (i = 0; i < size; i++)
				text[i] = (uint8_t)fillings[_i][i % 8];
			text[place % size] = (uint8_t)(place / size);
			try_word((struct bytes){ text, size }, &want);
		}
	buf_clear(&want);
}

static const struct {
	struct bytes text;
	bool safe;
} safe_table[] = {
	{ B(""), true },
	{ { NULL, 0 }, true },
	{ B("PUT b \"\\xff\" \xc3\xa9"), true },
	{ B("12345678123456781234567\x7f"), false },
	{ B("1234567\t12345678"), false },
	{ B("12345678\xc2\x9b"), false },
	{ B("12345678\xe2\x82"), false },
	{ B("1234567\xe2\x82\xac 1234567\xf0\x9f\x98\x80"), true },
};

TEST(test_safe)
{
	struct bytes text = safe_table[_i].text;
	uint8_t *copy = unit_copy(text.data, text.size);

	text.data = copy;
	ck_assert_int_eq(format_is_safe(text), safe_table[_i].safe);
	free(copy);
}

static const struct test tests[] = {
	CASE("format", setup, teardown),
	EACH(test_line, line_table),
	ONCE(test_line_appends),
	ONCE(test_code_points),
	LOOP(test_places, 4),
	EACH(test_safe, safe_table),
	EACH(test_status, status_table),
	EACH(test_status_as_data, status_table),
	ONCE(test_status_all),
	ONCE(test_reply),
	ONCE(test_reply_status),
	ONCE(test_reply_status_lines),
	ONCE(test_reply_truncated),
	EACH(test_reply_malformed, malformed_table),
	ONCE(test_reply_too_many_words),
	EACH(test_round_trip_table, line_table),
	ONCE(test_round_trip_every_byte),
	LOOP(test_round_trip_random, 2),
	/* The bytes are NUL, a letter, and a byte that is not UTF-8. */
	LOOP(test_round_trip_large, 1),
	LOOP_FROM(test_round_trip_large, 'a', 'a' + 1),
	LOOP_FROM(test_round_trip_large, 0xff, 0x100),
};

SUITE("format", tests)
