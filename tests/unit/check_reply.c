/*
 * check_reply: these tests check how clients read replies that arrive in pieces
 * of any size.
 */

#include <stdio.h>

#include "common/buf.h"
#include "proto/format.h"
#include "common/number.h"
#include "proto/reply.h"
#include "unit.h"

#define B UNIT_BYTES
#define LINE_MAX_SMALL 64

/*
 * `says' abbreviates what the stream contains: "=OK." is a status, "!reason."
 * an error, "(word)(word)." a data line; "+", "-", "#", "?" and "@" are events; "X"
 * at the end means that the stream is malformed.
 */
struct stream_case {
	struct bytes data;
	const char *says;
};

static const struct stream_case stream_table[] = {
	{ B(""), "" },
	{ B("OK"), "" },
	{ B("OK\r"), "" },
	{ B("OK\r\n"), "=0." },
	{ B("NOT FOUND\r\n"), "=1." },
	{ B("UNKNOWN COMMAND\r\n"), "=2." },
	{ B("CONFLICT\r\n"), "=3." },
	{ B("QUEUED\r\n"), "=4." },
	{ B("ERROR storage full\r\n"), "=5storage full." },
	{ B("ERROR\r\n"), "=5." },
	{ B("ERROR \r\n"), "=5." },
	{ B("1\r\nOK\r\n"), "(1).=0." },
	{ B("\r\nOK\r\n"), ".=0." },
	{ B("\"\"\r\nOK\r\n"), "().=0." },
	{ B("a b\r\nc d\r\nOK\r\nNOT FOUND\r\n"), "(a)(b).(c)(d).=0.=1." },
	{ B("a  b \r\n"), "(a)(b)." },
	{ B("\"a b\" \"\\\"\\\\\\n\\r\\t\"\r\n"), "(a b)(\"\\\n\r\t)." },
	{ B("\"\\x1b\\xff\"\r\n"), "(\x1b\xff)." },
	{ B("caf\xc3\xa9\r\n"), "(caf\xc3\xa9)." },
	/* These data lines resemble status lines. */
	{ B("\"OK\"\r\nOK\r\n"), "(OK).=0." },
	{ B("\"NOT\" \"FOUND\"\r\n"), "(NOT)(FOUND)." },
	{ B("\"ERROR\" \"7\"\r\n"), "(ERROR)(7)." },
	{ B("ok\r\nOK then\r\nERRORS\r\nNOT\r\nNOT FOUND !\r\n"),
	    "(ok).(OK)(then).(ERRORS).(NOT).(NOT)(FOUND)(!)." },
	{ B(" OK\r\n"), "(OK)." },
	/* These lines are events. */
	{ B("milk SET TO 1\r\n"), "+milk:1." },
	{ B("\"a b\" SET TO \"\"\r\n"), "+a b:." },
	{ B("\"ERROR\" \"SET\" \"TO\" \"1\"\r\n"), "+ERROR:1." },
	{ B("SET SET TO TO\r\n"), "+SET:TO." },
	{ B("milk DELETED\r\n"), "-milk." },
	{ B("\"ERROR\" \"DELETED\"\r\n"), "-ERROR." },
	{ B("AT 0\r\nAT 9223372036854775807\r\n"), "@0.@9223372036854775807." },
	{ B("AT DELETED\r\nAT SET TO 1\r\n"), "-AT.+AT:1." },
	{ B("AT\r\nAT -1\r\nAT 9223372036854775808\r\nat 1\r\nAT 1 2\r\n"),
	    "(AT).(AT)(-1).(AT)(9223372036854775808).(at)(1).(AT)(1)(2)." },
	{ B("DROPPED\r\n"), "#." },
	{ B("MISSED\r\n"), "?." },
	{ B("\"DROPPED\"\r\n\"MISSED\"\r\n"), "(DROPPED).(MISSED)." },
	{ B("milk SET TO\r\nmilk SET TO 1 2\r\nmilk SET AT 1\r\n"),
	    "(milk)(SET)(TO).(milk)(SET)(TO)(1)(2).(milk)(SET)(AT)(1)." },
	{ B("DELETED\r\ndropped\r\nmilk deleted\r\n"),
	    "(DELETED).(dropped).(milk)(deleted)." },
	{ B("OK\r\na SET TO 1\r\nb DELETED\r\nERROR lagged\r\n"),
	    "=0.+a:1.-b.=5lagged." },
	/* These words are malformed, but the lines after them are read. */
	{ B("\"a\r\nOK\r\n"), "~.=0." },
	{ B("\"a\"b\r\nOK\r\n"), "~.=0." },
	{ B("\"\\q\"\r\nOK\r\n"), "~.=0." },
	{ B("\"\\x1\"\r\nOK\r\n"), "~.=0." },
	/* These lines are malformed, and nothing after them is read. */
	{ B("\n"), "X" },
	{ B("OK\n"), "X" },
	{ B("OK\r\nOK\nOK\r\n"), "=0.X" },
	{ B("a\r\r\n"), "(a\r)." },
	{ B("HTTP/1.1 400 Bad Request\r\n\r\n"),
	    "(HTTP/1.1)(400)(Bad)(Request).." },
};

static void
say_words(struct reply_reader *r, struct buf *said)
{
	const struct bytes *words;
	size_t n, i;

	if (!reply_words(r, &words, &n)) {
		buf_append_text(said, "~");
		return;
	}
	for (i = 0; i < n; i++) {
		buf_append_text(said, "(");
		buf_append(said, words[i].data, words[i].size);
		buf_append_text(said, ")");
	}
}

static void
say_line(struct reply_reader *r, enum reply_kind kind,
    const struct reply_line *line, struct buf *said)
{
	struct reply_event event;
	char number[NUMBER_SIZE];

	if (kind == REPLY_STATUS) {
		buf_append_text(said, "=");
		buf_append_byte(said, (uint8_t)('0' + line->status));
		buf_append(said, line->reason.data, line->reason.size);
	} else if (reply_is_event(r, &event)) {
		buf_append_byte(said, (uint8_t) "+-#?@"[event.type]);
		buf_append(said, event.key.data, event.key.size);
		if (event.type == REPLY_EVENT_SET)
			buf_append_text(said, ":");
		buf_append(said, event.value.data, event.value.size);
		if (event.type == REPLY_EVENT_AT)
			buf_append(said, number,
			    number_format(event.revision, number));
	} else
		say_words(r, said);
	buf_append_text(said, ".");
}

/* This gives the reader bytes; it returns false when the reader refuses
 * more. */
static bool
feed(struct reply_reader *r, const uint8_t *data, size_t size, struct buf *said)
{
	struct reply_line line;
	enum reply_kind kind;
	uint8_t *to;

	to = reply_reserve(r, size + 1);
	ck_assert_ptr_nonnull(to);
	if (size > 0)
		memcpy(to, data, size);
	reply_commit(r, size);
	while ((kind = reply_next(r, &line)) > REPLY_AGAIN)
		say_line(r, kind, &line, said);
	if (kind == REPLY_AGAIN)
		return true;
	ck_assert_int_eq(kind, REPLY_MALFORMED);
	ck_assert_int_eq(reply_next(r, &line), REPLY_MALFORMED);
	buf_append_text(said, "X");
	return false;
}

static void
expect_said(struct buf *said, const char *says)
{
	if (!bytes_equal(buf_bytes(said), bytes_from_text(says)))
		ck_abort_msg("said %.*s, not %s", (int)buf_size(said),
		    (const char *)buf_data(said), says);
	buf_truncate(said, 0);
}

/* The stream is split in three at every two places; the reader is reused. */
TEST(test_cut)
{
	const struct stream_case *c = &stream_table[_i];
	const uint8_t *data = c->data.data;
	struct reply_reader r;
	size_t first, second;
	struct buf said;

	buf_init(&said);
	reply_init(&r, LINE_MAX_SMALL);
	for (first = 0; first <= c->data.size; first++)
		for (second = first; second <= c->data.size; second++) {
			if (feed(&r, data, first, &said) &&
			    feed(&r, data + first, second - first, &said))
				feed(&r, data + second, c->data.size - second,
				    &said);
			expect_said(&said, c->says);
			reply_reset(&r);
			ck_assert(!reply_is_partial(&r));
		}
	reply_clear(&r);
	buf_clear(&said);
}

TEST(test_byte_by_byte)
{
	const struct stream_case *c = &stream_table[_i];
	const uint8_t *data = c->data.data;
	struct reply_reader r;
	struct buf said;
	size_t i;

	buf_init(&said);
	reply_init(&r, LINE_MAX_SMALL);
	for (i = 0; i < c->data.size; i++)
		if (!feed(&r, data + i, 1, &said))
			break;
	expect_said(&said, c->says);
	reply_clear(&r);
	buf_clear(&said);
}

/* This gives the reader a line of this size in pieces, and returns whether it
 * was accepted. */
static bool
takes_line(size_t size, size_t piece, const char *end)
{
	static uint8_t line[2 * LINE_MAX_SMALL];
	size_t at, total = size + strlen(end);
	struct reply_reader r;
	struct buf said;
	bool taken = true;

	memset(line, 'x', size);
	memcpy(line + size, end, strlen(end));
	buf_init(&said);
	reply_init(&r, LINE_MAX_SMALL);
	for (at = 0; at < total && taken; at += piece)
		taken = feed(&r, line + at,
		    piece < total - at ? piece : total - at, &said);
	/* The reader keeps at most a line and the piece that contained its
	 * end. */
	ck_assert_uint_le(buf_size(&r.in), LINE_MAX_SMALL + 2 + piece);
	reply_clear(&r);
	buf_clear(&said);
	return taken;
}

TEST(test_line_max)
{
	size_t piece;

	for (piece = 1; piece <= LINE_MAX_SMALL + 3; piece++) {
		ck_assert(takes_line(LINE_MAX_SMALL, piece, "\r\n"));
		ck_assert(takes_line(LINE_MAX_SMALL, piece, "\r"));
		ck_assert(takes_line(LINE_MAX_SMALL, piece, ""));
		ck_assert(!takes_line(LINE_MAX_SMALL, piece, "\n"));
		ck_assert(!takes_line(LINE_MAX_SMALL + 1, piece, "\r\n"));
		ck_assert(!takes_line(LINE_MAX_SMALL + 2, piece, ""));
	}
}

/* This is the longest line that a value of 1 MiB can need. */
TEST(test_long_value)
{
	size_t n = (size_t)1 << 20, i;
	const struct bytes *words;
	struct reply_reader r;
	struct reply_line line;
	struct bytes value;
	uint8_t *data;
	struct buf b;

	data = malloc(n);
	ck_assert_ptr_nonnull(data);
	for (i = 0; i < n; i++)
		data[i] = (uint8_t)(i % 2 == 0 ? 0xff : i % 7);
	value = (struct bytes){ data, n };
	buf_init(&b);
	format_line(&b, &value, 1);
	reply_init(&r, REPLY_LINE_MAX(n));
	for (i = 0; i < buf_size(&b); i++) {
		size_t piece = buf_size(&b) - i;

		if (piece > 65536)
			piece = 65536;
		ck_assert_int_eq(reply_next(&r, &line), REPLY_AGAIN);
		memcpy(reply_reserve(&r, piece), buf_data(&b) + i, piece);
		reply_commit(&r, piece);
		i += piece - 1;
	}
	ck_assert_int_eq(reply_next(&r, &line), REPLY_DATA);
	ck_assert(reply_words(&r, &words, &n));
	ck_assert_uint_eq(n, 1);
	unit_assert_bytes(words[0], value);
	/* A second call returns the same words. */
	ck_assert(reply_words(&r, &words, &n));
	unit_assert_bytes(words[0], value);
	/* An idle reader frees the memory. */
	ck_assert_int_eq(reply_next(&r, &line), REPLY_AGAIN);
	ck_assert_ptr_nonnull(reply_reserve(&r, 16));
	ck_assert_uint_le(r.in.cap, (size_t)1 << 20);
	reply_clear(&r);
	buf_clear(&b);
	free(data);
}

static void
random_word(uint64_t *state, uint8_t *data, struct bytes *word)
{
	size_t i;

	word->data = data;
	word->size = unit_random(state) % 9;
	for (i = 0; i < word->size; i++)
		data[i] = unit_random(state) % 3 == 0 ?
		    (uint8_t) "\"\\ \r\nOK"[unit_random(state) % 7] :
		    (uint8_t)unit_random(state);
}

/* A line that format_line wrote is read as the same words. */
TEST(test_round_trip)
{
	struct bytes words[3];
	const struct bytes *got;
	uint64_t state = 7;
	struct reply_reader r;
	struct reply_line line;
	uint8_t data[3][8];
	size_t n, n_got, i, round;
	struct buf b;

	buf_init(&b);
	reply_init(&r, 256);
	for (round = 0; round < 100000; round++) {
		n = unit_random(&state) % 4;
		for (i = 0; i < n; i++)
			random_word(&state, data[i], &words[i]);
		buf_truncate(&b, 0);
		format_line(&b, words, n);
		memcpy(reply_reserve(&r, buf_size(&b)), buf_data(&b),
		    buf_size(&b));
		reply_commit(&r, buf_size(&b));
		ck_assert_int_eq(reply_next(&r, &line), REPLY_DATA);
		ck_assert(reply_words(&r, &got, &n_got));
		ck_assert_uint_eq(n_got, n);
		for (i = 0; i < n; i++)
			unit_assert_bytes(got[i], words[i]);
		ck_assert_int_eq(reply_next(&r, &line), REPLY_AGAIN);
	}
	reply_clear(&r);
	buf_clear(&b);
}

/* For any bytes in any pieces each call returns. */
TEST(test_garbage)
{
	static const char likely[] = "\r\n\"\\xOKERROR NOTFUDSTG0";
	uint64_t state = (uint64_t)_i + 1;
	struct reply_reader r;
	uint8_t data[48], *copy;
	struct buf said;
	size_t round, size, i;

	buf_init(&said);
	reply_init(&r, LINE_MAX_SMALL);
	for (round = 0; round < 20000; round++) {
		size = unit_random(&state) % sizeof(data);
		for (i = 0; i < size; i++)
			data[i] = unit_random(&state) % 4 != 0 ?
			    (uint8_t)
				likely[unit_random(&state) % sizeof(likely)] :
			    (uint8_t)unit_random(&state);
		copy = unit_copy(data, size);
		if (!feed(&r, copy, size, &said))
			reply_reset(&r);
		free(copy);
		buf_truncate(&said, 0);
		ck_assert_uint_le(buf_size(&r.in),
		    LINE_MAX_SMALL + 2 + sizeof(data));
	}
	reply_clear(&r);
	buf_clear(&said);
}

/* The reader uses the same memory for each of many replies. */
TEST(test_no_growth)
{
	static const char reply[] = "\"a b\" c\r\nOK\r\n";
	struct reply_reader r;
	struct buf said;
	uint8_t *in, *words;
	size_t i;

	buf_init(&said);
	reply_init(&r, LINE_MAX_SMALL);
	ck_assert(feed(&r, (const uint8_t *)reply, strlen(reply), &said));
	in = r.in.base;
	words = r.words.base;
	for (i = 0; i < 10000; i++) {
		buf_truncate(&said, 0);
		feed(&r, (const uint8_t *)reply, strlen(reply), &said);
	}
	ck_assert_ptr_eq(r.in.base, in);
	ck_assert_ptr_eq(r.words.base, words);
	reply_clear(&r);
	buf_clear(&said);
}

TEST(test_partial)
{
	struct reply_reader r;
	struct reply_line line;
	struct buf said;

	buf_init(&said);
	reply_init(&r, LINE_MAX_SMALL);
	ck_assert_int_eq(reply_next(&r, &line), REPLY_AGAIN);
	ck_assert(!reply_is_partial(&r));
	feed(&r, (const uint8_t *)"OK\r\nO", 5, &said);
	ck_assert(reply_is_partial(&r));
	feed(&r, (const uint8_t *)"K\r\n", 3, &said);
	ck_assert(!reply_is_partial(&r));
	reply_clear(&r);
	buf_clear(&said);
}

static const struct test tests[] = {
	CASE("reply", NULL, NULL),
	EACH(test_cut, stream_table),
	EACH(test_byte_by_byte, stream_table),
	ONCE(test_line_max),
	ONCE(test_long_value),
	ONCE(test_round_trip),
	LOOP(test_garbage, 4),
	ONCE(test_no_growth),
	ONCE(test_partial),
};

SUITE("reply", tests)
