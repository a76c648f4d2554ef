/*
 * check_first_line: these tests check how other protocols are recognized by
 * their first line (proto/first_line).
 */

#include "unit.h"

#include <stdio.h>

#include "proto/first_line.h"

#define B(text) UNIT_BYTES(text)

static const struct {
	struct bytes text;
	bool whole;
	bool binary;
} binary_table[] = {
	{ B(""), true, false },
	{ B(""), false, false },
	{ B("PUT b k v"), true, false },
	{ B("\tPUT\tb\tk\tv\t"), true, false },
	{ B("PUT b k caf\xc3\xa9"), true, false },
	{ B("PUT b k \x80\x9b\xff"), true, false },
	{ B("PUT b k \xc2\x9b\x7f"), true, false },
	{ B("PING\r"), false, false },
	{ B("\r"), false, false },
	{ B("PING\r"), true, true },
	{ B("PING\r "), false, true },
	{ B("PING\r\r"), false, true },
	{ B("\x16\x03\x01"), false, true },
	{ B("\x16"), true, true },
	{ B("\0"), false, true },
	{ B("PING\0"), true, true },
	{ B("PING \x1b[A"), true, true },
	{ B("PING\x1f"), false, true },
	{ B("PING\x0b"), false, true },
	{ B("PI\nNG"), false, true },
};

TEST(test_binary)
{
	struct bytes text = binary_table[_i].text;
	uint8_t *copy = unit_copy(text.data, text.size);
	size_t cut;

	ck_assert_int_eq(
	    first_line_is_binary(copy, text.size, 0, binary_table[_i].whole),
	    binary_table[_i].binary);
	/* The result is the same when the text arrives in two pieces. */
	for (cut = 0; cut <= text.size; cut++)
		ck_assert_int_eq(first_line_is_binary(copy, cut, 0, false) ||
			first_line_is_binary(copy, text.size, cut,
			    binary_table[_i].whole),
		    binary_table[_i].binary);
	free(copy);
}

/* Each byte is tried alone. */
TEST(test_each_byte)
{
	uint8_t byte;
	int c;

	for (c = 0; c < 256; c++) {
		byte = (uint8_t)c;
		ck_assert_int_eq(first_line_is_binary(&byte, 1, 0, true),
		    c < 32 && c != '\t');
	}
}

static const struct {
	struct bytes line;
	enum first_line_protocol protocol;
} protocol_table[] = {
	{ B("GET / HTTP/1.1"), FIRST_LINE_HTTP },
	{ B("GET / HTTP/1.0"), FIRST_LINE_HTTP },
	{ B("PRI * HTTP/2.0"), FIRST_LINE_HTTP },
	{ B("GET / HTTP/2"), FIRST_LINE_HTTP },
	{ B("GET / HTTP/10.12"), FIRST_LINE_HTTP },
	{ B("post / http/1.1"), FIRST_LINE_HTTP },
	{ B("GET /\tHttp/1.1"), FIRST_LINE_HTTP },
	{ B("GET / HTTP/1.1 \t"), FIRST_LINE_HTTP },
	{ B(" HTTP/1.1"), FIRST_LINE_HTTP },
	{ B("REGISTER sip:x;transport=TCP SIP/2.0"), FIRST_LINE_OTHER },
	{ B("OPTIONS rtsp://x RTSP/1.0"), FIRST_LINE_OTHER },
	{ B("REQMOD icap://x/ ICAP/1.0"), FIRST_LINE_OTHER },
	{ B("x sip/2.0"), FIRST_LINE_OTHER },
	{ B(""), FIRST_LINE_KVD },
	{ B(" "), FIRST_LINE_KVD },
	{ B("1"), FIRST_LINE_KVD },
	{ B("/1"), FIRST_LINE_KVD },
	{ B(".1"), FIRST_LINE_KVD },
	{ B(" /1.1"), FIRST_LINE_KVD },
	{ B("HTTP/1.1"), FIRST_LINE_KVD },
	{ B("PUT b k v"), FIRST_LINE_KVD },
	{ B("PUT b k libhttp/1.1"), FIRST_LINE_KVD },
	{ B("PUT b k HTTP"), FIRST_LINE_KVD },
	{ B("PUT b k HTTP/"), FIRST_LINE_KVD },
	{ B("PUT b k HTTP/.1"), FIRST_LINE_KVD },
	{ B("PUT b k HTTP/1."), FIRST_LINE_KVD },
	{ B("PUT b k HTTP/1.1.1"), FIRST_LINE_KVD },
	{ B("PUT b k HTTP/1.1\""), FIRST_LINE_KVD },
	{ B("PUT b k HTTP 1.1"), FIRST_LINE_KVD },
	{ B("PUT b k HTTP/x"), FIRST_LINE_KVD },
	{ B("PUT b k GTTP/1.1"), FIRST_LINE_KVD },
	{ B("PUT b k libssl/1.1"), FIRST_LINE_KVD },
	{ B("PUT b k 3/4"), FIRST_LINE_KVD },
	{ B("HTTP/1.1 200 OK"), FIRST_LINE_KVD },
};

TEST(test_protocol)
{
	struct bytes line = protocol_table[_i].line;
	uint8_t *copy = unit_copy(line.data, line.size);
	size_t tail =
	    line.size > FIRST_LINE_TAIL ? line.size - FIRST_LINE_TAIL : 0;

	ck_assert_int_eq(first_line_protocol(copy, line.size),
	    protocol_table[_i].protocol);
	ck_assert_int_eq(first_line_protocol(copy + tail, line.size - tail),
	    protocol_table[_i].protocol);
	free(copy);
}

static const struct test tests[] = {
	CASE("first_line", NULL, NULL),
	EACH(test_binary, binary_table),
	ONCE(test_each_byte),
	EACH(test_protocol, protocol_table),
};

SUITE("first_line", tests)
