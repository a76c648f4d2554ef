/*
 * check_protocol: these tests check the bytes of requests, and replies that
 * arrive in pieces.  The key is number 7, with values of 0 to 8 bytes; in the
 * tables @ stands for its value of 4 bytes.
 */

#include <stdio.h>

#include "kvbench/protocol.h"
#include "unit.h"

#define KEY "key:000000000007"

static const struct {
	const char *protocol;
	enum op op;
	size_t size;
	const char *text;
} encode_table[] = {
	{ "kvd", OP_CREATE, 0, "CREATE b\r\n" },
	{ "kvd", OP_GET, 0, "GET b " KEY "\r\n" },
	{ "kvd", OP_PUT, 4, "PUT b " KEY " @\r\n" },
	{ "kvd", OP_PUT, 0, "PUT b " KEY " \"\"\r\n" },
	{ "kvd", OP_DELETE, 0, "DELETE b " KEY "\r\n" },
	{ "kvd", OP_PING, 0, "PING\r\n" },
	{ "kvd", OP_ECHO, 0, "ECHO " KEY "\r\n" },
	{ "resp", OP_GET, 0, "*2\r\n$3\r\nGET\r\n$16\r\n" KEY "\r\n" },
	{ "resp", OP_PUT, 4,
	    "*3\r\n$3\r\nSET\r\n$16\r\n" KEY "\r\n$4\r\n@\r\n" },
	{ "resp", OP_PUT, 0,
	    "*3\r\n$3\r\nSET\r\n$16\r\n" KEY "\r\n$0\r\n\r\n" },
	{ "resp", OP_DELETE, 0, "*2\r\n$3\r\nDEL\r\n$16\r\n" KEY "\r\n" },
	{ "resp", OP_PING, 0, "*1\r\n$4\r\nPING\r\n" },
	{ "resp", OP_ECHO, 0, "*2\r\n$4\r\nECHO\r\n$16\r\n" KEY "\r\n" },
	{ "memcached", OP_GET, 0, "get " KEY "\r\n" },
	{ "memcached", OP_PUT, 4, "set " KEY " 0 0 4\r\n@\r\n" },
	{ "memcached", OP_PUT, 0, "set " KEY " 0 0 0\r\n\r\n" },
	{ "memcached", OP_DELETE, 0, "delete " KEY "\r\n" },
	{ "memcached", OP_PING, 0, "version\r\n" },
	{ "echo", OP_GET, 0, "*2\r\n$3\r\nGET\r\n$16\r\n" KEY "\r\n" },
	{ "echo", OP_PING, 0, "*1\r\n$4\r\nPING\r\n" },
};

/* Each row is a reply and its result.  No byte of the reply may be left
 * over. */
static const struct {
	const char *protocol;
	enum op op;
	const char *text;
	enum verdict verdict;
} reply_table[] = {
	{ "kvd", OP_CREATE, "OK\r\n", VERDICT_OK },
	{ "kvd", OP_PING, "OK\r\n", VERDICT_OK },
	{ "kvd", OP_PUT, "OK\r\n", VERDICT_OK },
	{ "kvd", OP_DELETE, "OK\r\n", VERDICT_OK },
	{ "kvd", OP_GET, "@\r\nOK\r\n", VERDICT_OK },
	{ "kvd", OP_GET, "\"@\"\r\nOK\r\n", VERDICT_OK },
	{ "kvd", OP_GET, "\"\"\r\nOK\r\n", VERDICT_OK },
	{ "kvd", OP_GET, "\r\nOK\r\n", VERDICT_ABSENT },
	{ "kvd", OP_ECHO, KEY "\r\nOK\r\n", VERDICT_OK },
	{ "kvd", OP_GET, "NOT FOUND\r\n", VERDICT_ERROR },
	{ "kvd", OP_PUT, "ERROR storage full\r\n", VERDICT_ERROR },
	{ "kvd", OP_PUT, "UNKNOWN COMMAND\r\n", VERDICT_ERROR },
	{ "kvd", OP_GET, "OK\r\n", VERDICT_WRONG },
	{ "kvd", OP_GET, "@x\r\n", VERDICT_WRONG },
	{ "kvd", OP_GET, "@ @\r\n", VERDICT_WRONG },
	{ "kvd", OP_GET, "\"@\r\n", VERDICT_WRONG },
	{ "kvd", OP_GET, "@\r\nNOT FOUND\r\n", VERDICT_WRONG },
	{ "kvd", OP_GET, "@\r\n@\r\n", VERDICT_WRONG },
	{ "kvd", OP_PUT, "@\r\n", VERDICT_WRONG },
	{ "kvd", OP_PING, "+PONG\r\n", VERDICT_WRONG },
	{ "kvd", OP_PING, "HTTP/1.1 400 Bad Request\r\n", VERDICT_WRONG },
	{ "kvd", OP_PING, "OK\n", VERDICT_WRONG },
	{ "kvd", OP_ECHO, "key:000000000008\r\n", VERDICT_WRONG },
	{ "kvd", OP_ECHO, "\r\n", VERDICT_WRONG },
	{ "resp", OP_PING, "+PONG\r\n", VERDICT_OK },
	{ "resp", OP_PUT, "+OK\r\n", VERDICT_OK },
	{ "resp", OP_DELETE, ":1\r\n", VERDICT_OK },
	{ "resp", OP_DELETE, ":0\r\n", VERDICT_ABSENT },
	{ "resp", OP_GET, "$4\r\n@\r\n", VERDICT_OK },
	{ "resp", OP_GET, "$0\r\n\r\n", VERDICT_OK },
	{ "resp", OP_GET, "$-1\r\n", VERDICT_ABSENT },
	{ "resp", OP_ECHO, "$16\r\n" KEY "\r\n", VERDICT_OK },
	{ "resp", OP_GET, "-LOADING Redis\r\n", VERDICT_ERROR },
	{ "resp", OP_PUT, "-ERR no\r\n", VERDICT_ERROR },
	{ "resp", OP_GET, "$4\r\nxxxx\r\n", VERDICT_WRONG },
	{ "resp", OP_GET, "$5\r\n@\r\n", VERDICT_WRONG },
	{ "resp", OP_GET, "$\r\n", VERDICT_WRONG },
	{ "resp", OP_GET, "$4x\r\n", VERDICT_WRONG },
	{ "resp", OP_GET, "$99999999999\r\n", VERDICT_WRONG },
	{ "resp", OP_GET, "+OK\r\n", VERDICT_WRONG },
	{ "resp", OP_ECHO, "$-1\r\n", VERDICT_WRONG },
	{ "resp", OP_ECHO, "$16\r\nkey:000000000008\r\n", VERDICT_WRONG },
	{ "resp", OP_PUT, "+PONG\r\n", VERDICT_WRONG },
	{ "resp", OP_DELETE, ":2\r\n", VERDICT_WRONG },
	{ "resp", OP_PING, "UNKNOWN COMMAND\r\n", VERDICT_WRONG },
	{ "memcached", OP_PING, "VERSION 1.6.18\r\n", VERDICT_OK },
	{ "memcached", OP_PUT, "STORED\r\n", VERDICT_OK },
	{ "memcached", OP_DELETE, "DELETED\r\n", VERDICT_OK },
	{ "memcached", OP_DELETE, "NOT_FOUND\r\n", VERDICT_ABSENT },
	{ "memcached", OP_GET, "VALUE " KEY " 0 4\r\n@\r\nEND\r\n",
	    VERDICT_OK },
	{ "memcached", OP_GET, "VALUE " KEY " 0 0\r\n\r\nEND\r\n", VERDICT_OK },
	{ "memcached", OP_GET, "END\r\n", VERDICT_ABSENT },
	{ "memcached", OP_GET, "ERROR\r\n", VERDICT_ERROR },
	{ "memcached", OP_PUT, "SERVER_ERROR out of memory\r\n",
	    VERDICT_ERROR },
	{ "memcached", OP_PUT, "CLIENT_ERROR bad\r\n", VERDICT_ERROR },
	{ "memcached", OP_GET, "VALUE " KEY " 0 4\r\nxxxx\r\n", VERDICT_WRONG },
	{ "memcached", OP_GET, "VALUE " KEY " 0 4\r\n@\r\nend\r\n",
	    VERDICT_WRONG },
	{ "memcached", OP_GET, "VALUE " KEY " 0 5\r\n@\r\n", VERDICT_WRONG },
	{ "memcached", OP_GET, "VALUE key:000000000008 0 4\r\n",
	    VERDICT_WRONG },
	{ "memcached", OP_GET, "VALUE " KEY " 0 \r\n", VERDICT_WRONG },
	{ "memcached", OP_GET, "VALUE\r\n", VERDICT_WRONG },
	{ "memcached", OP_PUT, "OK\r\n", VERDICT_WRONG },
	{ "memcached", OP_PING, "+PONG\r\n", VERDICT_WRONG },
	{ "echo", OP_PING, "*1\r\n$4\r\nPING\r\n", VERDICT_OK },
	{ "echo", OP_GET, "*2\r\n$3\r\nGET\r\n$16\r\n" KEY "\r\n", VERDICT_OK },
	{ "echo", OP_PING, "*1\r\n$4\r\nPONG\r\n", VERDICT_WRONG },
	{ "echo", OP_PING, "*1\r\n$4\r\nPIN\r\n", VERDICT_WRONG },
	{ "echo", OP_PING, "*1\r\n$4\r\nPINGPINGPINGPING\r\n", VERDICT_WRONG },
	{ "echo", OP_PING, "*1\r\n\r\n", VERDICT_WRONG },
	{ "echo", OP_PING, "OK\r\n", VERDICT_WRONG },
};

static struct workload workload;
static const struct request request = { .key = 7, .size = 4 };

static void
set_up(void)
{
	workload.bucket = "b";
	ck_assert_int_eq(values_init(&workload.values, 0, 8), 0);
}

static void
tear_down(void)
{
	values_clear(&workload.values);
}

/* This returns the text with the value in place of each @. */
static void
expand(const char *text, struct buf *b)
{
	for (; *text != '\0'; text++)
		if (*text == '@')
			protocol_put_value(b, &workload, &request);
		else
			buf_append_byte(b, (uint8_t)*text);
}

TEST(test_encode)
{
	struct request r = request;
	struct buf got, want;

	buf_init(&got);
	buf_init(&want);
	workload.protocol = protocol_find(encode_table[_i].protocol);
	ck_assert_ptr_nonnull(workload.protocol);
	r.op = encode_table[_i].op;
	r.size = encode_table[_i].size;
	ck_assert_uint_ne(workload.protocol->ops & 1u << r.op, 0);
	workload.protocol->encode(&got, &workload, &r);
	expand(encode_table[_i].text, &want);
	unit_assert_bytes(buf_bytes(&got), buf_bytes(&want));
	buf_clear(&got);
	buf_clear(&want);
}

static void
give(struct parser *p, const uint8_t *data, size_t size)
{
	memcpy(reply_reserve(&p->in, size + 1), data, size);
	reply_commit(&p->in, size);
}

/* Each reply comes twice on one connection, split in two at every place. */
TEST(test_reply)
{
	struct request r = request;
	enum verdict verdict;
	struct parser p;
	struct buf b;
	size_t cut, round;

	buf_init(&b);
	workload.protocol = protocol_find(reply_table[_i].protocol);
	ck_assert_ptr_nonnull(workload.protocol);
	r.op = reply_table[_i].op;
	expand(reply_table[_i].text, &b);
	parser_init(&p, &workload);
	for (cut = 0; cut < buf_size(&b); cut++) {
		for (round = 0; round < 2; round++) {
			give(&p, buf_data(&b), cut);
			verdict = parser_next(&p, &r);
			if (verdict == VERDICT_AGAIN) {
				give(&p, buf_data(&b) + cut,
				    buf_size(&b) - cut);
				verdict = parser_next(&p, &r);
			}
			ck_assert_int_eq(verdict, reply_table[_i].verdict);
			if (verdict == VERDICT_WRONG)
				break;
			/* All bytes were consumed. */
			ck_assert_uint_eq(p.stage, 0);
			ck_assert(!reply_is_partial(&p.in));
		}
		parser_reset(&p);
	}
	parser_clear(&p);
	buf_clear(&b);
}

/* The parser must accept or refuse any bytes. */
TEST(test_garbage)
{
	static const char *const names[] = { "kvd", "resp", "memcached",
		"echo" };
	static const char likely[] = "\r\n$*:+-\"0149OKERVALUND key";
	uint64_t state = (uint64_t)_i + 1;
	struct request r = request;
	uint8_t data[64];
	struct parser p;
	size_t round, i;

	workload.protocol = protocol_find(names[_i]);
	parser_init(&p, &workload);
	for (round = 0; round < 100000; round++) {
		r.op = (enum op)(unit_random(&state) % OP_COUNT);
		if ((workload.protocol->ops & 1u << r.op) == 0)
			continue;
		for (i = 0; i < sizeof(data); i++)
			data[i] = unit_random(&state) % 16 == 0 ?
			    (uint8_t)unit_random(&state) :
			    (uint8_t)
				likely[unit_random(&state) % sizeof(likely)];
		give(&p, data, unit_random(&state) % sizeof(data));
		if (parser_next(&p, &r) == VERDICT_WRONG)
			parser_reset(&p);
	}
	parser_clear(&p);
}

TEST(test_find)
{
	ck_assert_ptr_eq(protocol_find("kvd"), &protocol_kvd);
	ck_assert_ptr_null(protocol_find("redis"));
	ck_assert_ptr_null(protocol_find(""));
}

static const struct test tests[] = {
	CASE("protocol", set_up, tear_down),
	EACH(test_encode, encode_table),
	EACH(test_reply, reply_table),
	LOOP(test_garbage, 4),
	ONCE(test_find),
};

SUITE("protocol", tests)
