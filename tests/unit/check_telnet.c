/*
 * check_telnet: these tests check that telnet commands are removed from the
 * text, or answered (proto/telnet).
 */

#include "unit.h"

#include <stdbool.h>

#include "proto/telnet.h"
#include "proto/words.h"
#include "telnet_codes.h"

#define B(text) UNIT_BYTES(text)

/*
 * This does what a worker does: it copies each complete line to `done`, with
 * its end; answers go between the lines; editing applies to the incomplete
 * line.
 */
struct session {
	struct telnet telnet;
	struct buf text, done;
	size_t answers;
};

static void
session_clear(struct session *s)
{
	buf_clear(&s->text);
	buf_clear(&s->done);
}

static void
take_lines(struct session *s)
{
	size_t size, taken;

	while (words_find_line(buf_data(&s->text), buf_size(&s->text), 0, &size,
	    &taken)) {
		buf_append(&s->done, buf_data(&s->text), taken);
		buf_consume(&s->text, taken);
	}
}

static void
act(struct session *s, enum telnet_event event)
{
	take_lines(s);
	switch (event) {
	case TELNET_NOTHING:
		break;
	case TELNET_ERASE:
		telnet_erase(&s->text);
		break;
	case TELNET_DROP:
		buf_truncate(&s->text, 0);
		break;
	case TELNET_ANSWER:
		s->answers++;
		telnet_answer(&s->telnet, &s->done);
		break;
	}
}

static void
feed(struct session *s, const uint8_t *data, size_t size)
{
	uint8_t *copy = unit_copy(data, size);
	struct bytes raw = { copy, size };
	enum telnet_event event;
	size_t before;

	do {
		before = raw.size;
		event = telnet_filter(&s->telnet, &raw, &s->text);
		ck_assert_uint_le(raw.size, before);
		ck_assert(raw.size < before || before == 0);
		ck_assert(event != TELNET_NOTHING || raw.size == 0);
		ck_assert_ptr_eq(raw.data, copy + size - raw.size);
		ck_assert_uint_le(s->telnet.state, TELNET_SUB_IAC);
		act(s, event);
	} while (raw.size > 0);
	ck_assert(!buf_failed(&s->text) && !buf_failed(&s->done));
	free(copy);
}

static const struct stream_case {
	struct bytes raw;
	struct bytes done; /* These are the complete lines and the answers. */
	struct bytes left; /* This is the incomplete line. */
} streams[] = {
	/* These streams are text alone. */
	{ B(""), B(""), B("") },
	{ B("a b\r\nc\r\0d\ne"), B("a b\r\nc\r\0d\n"), B("e") },
	{ B("\0\1\x15\x1b\x80\xfe\n"), B("\0\1\x15\x1b\x80\xfe\n"), B("") },

	/* These streams contain IAC. */
	{ B(IAC), B(""), B("") },
	{ B("a" IAC), B(""), B("a") },
	{ B(IAC IAC), B(""), B("\xff") },
	{ B(IAC IAC IAC IAC IAC), B(""), B("\xff\xff") },
	{ B("a" IAC IAC "b\n"),
	    B("a\xff"
	      "b\n"),
	    B("") },

	/* If an IAC precedes a byte that is not a command, only the IAC is
	 * dropped. */
	{ B("a" IAC "b" IAC "\n" IAC "\xeb" IAC "\0"), B("ab\n"), B("\xeb\0") },
	{ B("ab" IAC "\x08"), B(""), B("a") },
	{ B("a\r" IAC "\n"), B("a\r\n"), B("") },

	/* These commands are ignored. */
	{ B("a" NOP DM BRK GA SE IAC "\xec" IAC "\xed" IAC "\xee" IAC "\xef"
	    "b\n"),
	    B("ab\n"), B("") },
	{ B("a\r" NOP "\n" NOP "\r" GA "\0"), B("a\r\n\r\0"), B("") },

	/* These commands edit the line. */
	{ B("ab\x08"), B(""), B("a") },
	{ B("ab\x7f"
	    "c\n"),
	    B("ac\n"), B("") },
	{ B("ab" EC "c" EC EC), B(""), B("") },
	{ B("\x08\x7f" EC EL IP "a"), B(""), B("a") },
	{ B("a\n\x08\x7f" EC EL IP "b"), B("a\n"), B("b") },
	{ B("a\r\n\x08"
	    "b\n"),
	    B("a\r\nb\n"), B("") },
	{ B("a\r\0\x7f"
	    "b\n"),
	    B("a\r\0b\n"), B("") },
	{ B("abc\x08\x08\x08\x08\x08"
	    "d"),
	    B(""), B("d") },
	{ B("abc" EL "d\n"), B("d\n"), B("") },
	{ B("abc" IP "d\n"), B("d\n"), B("") },
	{ B("a\nbc" IP EL "d\ne" IP), B("a\nd\n"), B("") },
	{ B("a\xc3\xa9\x08"), B(""), B("a") },
	{ B("a\xe2\x82\xac\x7f\xf0\x9f\x98\x80" EC), B(""), B("a") },
	{ B("a\xc3" IAC IAC "\x08"), B(""), B("a\xc3") },
	/* Erasing removes a CR, or makes another byte follow the CR. */
	{ B("a\r\x08\n"), B("a\n"), B("") },
	{ B("a\rb\x08\0"), B("a\r\0"), B("") },
	{ B("a\rb\x08\n"), B("a\r\n"), B("") },

	/* Answers come in the order of the commands. */
	{ B(AYT), B(YES), B("") },
	{ B("a\nb" AYT "c\nd\n"), B("a\n" YES "bc\nd\n"), B("") },
	{ B("a" AO "\n"), B(DM "a\n"), B("") },
	{ B("a\n" DO "\x06"
	    "b\n" DO "\x06"),
	    B("a\n" WILL "\x06"
	      "b\n" WILL "\x06"),
	    B("") },
	/* This is Ctrl-C from telnet of inetutils and from one with
	 * autosynch. */
	{ B("PUT b" IP DO "\x06"
	    "PING\r\n"),
	    B(WILL "\x06"
		   "PING\r\n"),
	    B("") },
	{ B("PUT b" IP DM DO "\x06"
	    "PING\r\n"),
	    B(WILL "\x06"
		   "PING\r\n"),
	    B("") },

	/* These streams negotiate options. */
	{ B(WILL "\x01"), B(DONT "\x01"), B("") },
	{ B(DO "\x01"), B(WONT "\x01"), B("") },
	{ B(WONT "\x01" DONT "\x01" WONT "\x06" DONT "\x06"), B(""), B("") },
	{ B(WILL "\x01" WILL "\x01" DO "\x01" DO "\x01"),
	    B(DONT "\x01" WONT "\x01"), B("") },
	{ B(WILL "\x01" WONT "\x01" WILL "\x01"), B(DONT "\x01"), B("") },
	{ B(WILL "\x06" WILL "\x06"), B(DONT "\x06"), B("") },
	{ B(DO "\xff" DO IAC WILL "\xff"), B(WONT IAC DONT IAC), B("") },
	{ B(DO "\n"
	       "a" WILL "\x08"
	       "b\n"),
	    B(WONT "\n" DONT "\x08"
		   "ab\n"),
	    B("") },
	/* telnet(1) sends this first on port 23. */
	{ B(DO "\x03" WILL "\x18" WILL "\x1f" WILL "\x20" WILL "\x21" WILL
	       "\x22" WILL "\x27" DO "\x05" WILL "\x23"
	       "PING\r\n"),
	    B(WONT "\x03" DONT "\x18" DONT "\x1f" DONT "\x20" DONT "\x21" DONT
		   "\x22" DONT "\x27" WONT "\x05" DONT "\x23"
		   "PING\r\n"),
	    B("") },
	{ B(DO), B(""), B("") },
	{ B("a" WILL), B(""), B("a") },

	/* These streams have subnegotiations. */
	{ B("a" SB "\x1f\0P\0\x18" SE "b\n"), B("ab\n"), B("") },
	{ B("a" SB SE "b\n"), B("ab\n"), B("") },
	{ B("a" SB "\x18\n\r\0\x08\x7f\xf0\xfa" IAC IAC "\xf0" SE "b\n"),
	    B("ab\n"), B("") },
	{ B("a" SB "bc\n"), B(""), B("a") },
	{ B("a" SB "bc\n" IAC), B(""), B("a") },
	{ B("a" SB "bc\n" IAC IAC), B(""), B("a") },
	/* Another command than SE ends the subnegotiation. */
	{ B("a" SB "bc\n" AYT "d\n"), B(YES "ad\n"), B("") },
	{ B("a" SB "bc\n" SB "de\n" SE "f\n"), B("af\n"), B("") },
	{ B("a" SB "bc\n" DO "\x01"
	    "d\n"),
	    B(WONT "\x01"
		   "ad\n"),
	    B("") },
	{ B("a" SB "bc\n" IP "d\n"), B("d\n"), B("") },
	{ B("a" SB "b\n" IAC "\n"), B("a\n"), B("") },
	/* There is an SE without an SB. */
	{ B("a" SE "b\n"), B("ab\n"), B("") },
};

/* Each stream comes in one piece, in two and in three. */
TEST(test_stream)
{
	const struct stream_case *c = &streams[_i];
	const uint8_t *data = c->raw.data;
	size_t one, two;

	for (one = 0; one <= c->raw.size; one++)
		for (two = one; two <= c->raw.size; two++) {
			struct session s = { 0 };

			feed(&s, data, one);
			feed(&s, data + one, two - one);
			feed(&s, data + two, c->raw.size - two);
			unit_assert_bytes(buf_bytes(&s.done), c->done);
			unit_assert_bytes(buf_bytes(&s.text), c->left);
			session_clear(&s);
		}
}

TEST(test_stream_byte_by_byte)
{
	const struct stream_case *c = &streams[_i];
	const uint8_t *data = c->raw.data;
	struct session s = { 0 };
	size_t i;

	for (i = 0; i < c->raw.size; i++)
		feed(&s, data + i, 1);
	unit_assert_bytes(buf_bytes(&s.done), c->done);
	unit_assert_bytes(buf_bytes(&s.text), c->left);
	session_clear(&s);
}

/* These tests try every byte in every state. */

#define N TELNET_NOTHING
#define E TELNET_ERASE
#define D TELNET_DROP
#define A TELNET_ANSWER

struct transition {
	enum telnet_event event;
	enum telnet_state next;
	bool text; /* The byte is appended to the text. */
};

static const struct transition in_text[256] = {
	[0 ... 7] = { N, TELNET_TEXT, true },
	[8] = { E, TELNET_TEXT, false },
	[9 ... 126] = { N, TELNET_TEXT, true },
	[127] = { E, TELNET_TEXT, false },
	[128 ... 254] = { N, TELNET_TEXT, true },
	[255] = { N, TELNET_IAC, false },
};

static const struct transition in_iac[256] = {
	[0 ... 7] = { N, TELNET_TEXT, true },
	[8] = { E, TELNET_TEXT, false },
	[9 ... 126] = { N, TELNET_TEXT, true },
	[127] = { E, TELNET_TEXT, false },
	[128 ... 235] = { N, TELNET_TEXT, true },
	[236 ... 243] = { N, TELNET_TEXT, false },
	[244] = { D, TELNET_TEXT, false }, /* This is IP. */
	[245] = { A, TELNET_TEXT, false }, /* This is AO. */
	[246] = { A, TELNET_TEXT, false }, /* This is AYT. */
	[247] = { E, TELNET_TEXT, false }, /* This is EC. */
	[248] = { D, TELNET_TEXT, false }, /* This is EL. */
	[249] = { N, TELNET_TEXT, false },
	[250] = { N, TELNET_SUB, false },
	[251 ... 254] = { N, TELNET_OPTION, false },
	[255] = { N, TELNET_TEXT, true },
};

static const struct transition in_refusable[256] = {
	[0 ... 255] = { A, TELNET_TEXT, false },
};

static const struct transition in_negative[256] = {
	[0 ... 255] = { N, TELNET_TEXT, false },
};

static const struct transition in_sub[256] = {
	[0 ... 254] = { N, TELNET_SUB, false },
	[255] = { N, TELNET_SUB_IAC, false },
};

static const struct {
	struct bytes before;
	enum telnet_state state;
	const struct transition *table;
	bool sub; /* A doubled IAC belongs to the subnegotiation. */
} states[] = {
	{ B(""), TELNET_TEXT, in_text, false },
	{ B(IAC), TELNET_IAC, in_iac, false },
	{ B(DO), TELNET_OPTION, in_refusable, false },
	{ B(WILL), TELNET_OPTION, in_refusable, false },
	{ B(DONT), TELNET_OPTION, in_negative, false },
	{ B(WONT), TELNET_OPTION, in_negative, false },
	{ B(SB), TELNET_SUB, in_sub, false },
	{ B(SB "\x18\n"), TELNET_SUB, in_sub, false },
	{ B(SB IAC), TELNET_SUB_IAC, in_iac, true },
};

TEST(test_transitions)
{
	struct transition want;
	unsigned int c;
	uint8_t byte;

	for (c = 0; c < 256; c++) {
		struct session s = { 0 };
		struct bytes raw = { &byte, 1 };

		byte = (uint8_t)c;
		feed(&s, states[_i].before.data, states[_i].before.size);
		ck_assert_uint_eq(s.telnet.state, states[_i].state);
		want = states[_i].table[c];
		if (states[_i].sub && c == 255)
			want = (struct transition){ N, TELNET_SUB, false };
		ck_assert_uint_eq(telnet_filter(&s.telnet, &raw, &s.text),
		    want.event);
		ck_assert_uint_eq(s.telnet.state, want.next);
		ck_assert_uint_eq(raw.size, 0);
		unit_assert_bytes(buf_bytes(&s.text),
		    ((struct bytes){ &byte, want.text ? 1 : 0 }));
		session_clear(&s);
	}
}

/* telnet_is_text() is true if telnet_filter() would change nothing. */
TEST(test_is_text)
{
	uint8_t data[40];
	unsigned int c, at;
	struct telnet t = { 0 };
	bool special;

	ck_assert(telnet_is_text(&t, NULL, 0));
	for (c = 0; c < 256; c++) {
		special = c == 8 || c == 127 || c == 255;
		for (at = 0; at < sizeof(data); at++) {
			memset(data, 'a', sizeof(data));
			data[at] = (uint8_t)c;
			ck_assert_int_eq(telnet_is_text(&t, data, at), true);
			ck_assert_int_eq(telnet_is_text(&t, data, at + 1),
			    !special);
			ck_assert_int_eq(telnet_is_text(&t, data, sizeof(data)),
			    !special);
		}
	}
	memset(data, 'a', sizeof(data));
	for (c = TELNET_IAC; c <= TELNET_SUB_IAC; c++) {
		t.state = (enum telnet_state)c;
		ck_assert(!telnet_is_text(&t, data, sizeof(data)));
	}
}

/* These tests check options. */

static void
feed_option(struct session *s, uint8_t verb, unsigned int option)
{
	uint8_t bytes[] = { 255, verb, (uint8_t)option };

	feed(s, bytes, sizeof(bytes));
}

/* All options of all verbs come repeatedly, and each is refused once. */
TEST(test_refuse_once)
{
	struct session s = { 0 };
	unsigned int round, option, verb;

	for (round = 0; round < 5; round++)
		for (option = 0; option < 256; option++)
			for (verb = 251; verb <= 254; verb++)
				feed_option(&s, (uint8_t)verb, option);
	/* There are 256 DONTs, 255 WONTs, and a WILL TIMING-MARK every time. */
	ck_assert_uint_eq(s.answers, 256 + 255 + 5);
	ck_assert_uint_eq(buf_size(&s.done), 3 * s.answers);
	ck_assert_uint_eq(buf_size(&s.text), 0);
	ck_assert_uint_eq(s.telnet.state, TELNET_TEXT);
	session_clear(&s);
}

/* Refusing one option does not affect another. */
TEST(test_refuse_each)
{
	unsigned int first, second;

	for (first = 0; first < 256; first++) {
		struct session s = { 0 };

		feed_option(&s, 251, first);
		for (second = 0; second < 256; second++)
			feed_option(&s, 251, second);
		ck_assert_uint_eq(s.answers, 256);
		session_clear(&s);
	}
}

/* These tests check bounds. */

TEST(test_endless_sub)
{
	static uint8_t data[65536];
	struct session s = { 0 };
	int i;

	memset(data, 'x', sizeof(data));
	feed(&s, (const uint8_t *)SB, 2);
	for (i = 0; i < 256; i++)
		feed(&s, data, sizeof(data));
	ck_assert_uint_eq(s.text.cap, 0);
	ck_assert_uint_eq(s.done.cap, 0);
	feed(&s, (const uint8_t *)SE "a\n", 4);
	unit_assert_bytes(buf_bytes(&s.done), bytes_from_text("a\n"));
	session_clear(&s);
}

/* The time to erase a line is proportional to its size. */
TEST(test_erase_long)
{
	struct session s = { 0 };
	uint8_t *data;
	size_t size = (size_t)4 << 20;

	data = malloc(size);
	ck_assert_ptr_nonnull(data);
	memset(data, 'x', size);
	buf_append(&s.text, data, size);
	for (; buf_size(&s.text) > 0; size--)
		telnet_erase(&s.text);
	ck_assert_uint_eq(size, 0);
	free(data);
	session_clear(&s);
}

/* These tests check erasing. */

static const struct {
	struct bytes line;
	size_t left;
} erase_table[] = {
	{ B(""), 0 },
	{ B("a"), 0 },
	{ B("ab"), 1 },
	{ B("a\0"), 1 },
	{ B("a\r"), 1 },
	{ B("a\xc3\xa9"), 1 },
	{ B("\xc3\xa9"), 0 },
	{ B("\xc3\xa9\xc3\xa9"), 2 },
	{ B("a\xe2\x82\xac"), 1 },
	{ B("\xe2\x82\xac"), 0 },
	{ B("a\xf0\x9f\x98\x80"), 1 },
	{ B("\xf0\x9f\x98\x80"), 0 },
	{ B("\xf4\x8f\xbf\xbf"), 0 },
	/* One byte is erased if the text is not UTF-8. */
	{ B("a\xff"), 1 },
	{ B("a\xc3"), 1 },
	{ B("a\xa9"), 1 },
	{ B("\xa9"), 0 },
	{ B("a\xa9\xa9\xa9\xa9"), 4 },
	{ B("\xa9\xa9\xa9\xa9"), 3 },
	{ B("a\xe2\x82"), 2 },
	{ B("a\xc3\xa9\xa9"), 3 },
	{ B("\xf0\x9f\x98\x80\x80"), 4 },
	{ B("a\xc1\x81"), 2 },
	{ B("\xf5\x80\x80\x80"), 3 },
};

TEST(test_erase)
{
	struct buf b;

	buf_init(&b);
	buf_append(&b, erase_table[_i].line.data, erase_table[_i].line.size);
	telnet_erase(&b);
	unit_assert_bytes(buf_bytes(&b),
	    ((struct bytes){ erase_table[_i].line.data,
		erase_table[_i].left }));
	buf_clear(&b);
}

/* Consumed bytes cannot be erased. */
TEST(test_erase_consumed)
{
	struct buf b;

	buf_init(&b);
	buf_append_text(&b, "\xc3\xa9");
	buf_consume(&b, 1);
	telnet_erase(&b);
	ck_assert_uint_eq(buf_size(&b), 0);
	telnet_erase(&b);
	ck_assert_uint_eq(buf_size(&b), 0);
	buf_clear(&b);
}

/* No answer is due, so none is given. */
TEST(test_no_answer)
{
	struct telnet t = { 0 };
	struct buf out;

	buf_init(&out);
	telnet_answer(&t, &out);
	ck_assert_uint_eq(buf_size(&out), 0);
	buf_clear(&out);
}

/* These tests use random bytes. */

#define FUZZ_SIZE 400

/* Half of the bytes have a meaning in telnet. */
static uint8_t
random_byte(uint64_t *state)
{
	static const uint8_t special[] = { 255, 255, 255, 240, 241, 242, 244,
		245, 246, 247, 248, 250, 251, 252, 253, 254, 6, 8, 127, '\r',
		'\n', 0, 0xc3, 0xa9 };
	uint32_t r = unit_random(state);

	return r & 256 ? (uint8_t)r : special[(r >> 9) % sizeof(special)];
}

/* In random pieces the result is the same, and never longer than the input. */
TEST(test_random)
{
	uint64_t state = 0x9e3779b97f4a7c15ULL * (uint64_t)(_i + 1);
	struct session whole = { 0 }, pieces = { 0 };
	uint8_t data[FUZZ_SIZE];
	size_t i, n;

	for (i = 0; i < sizeof(data); i++)
		data[i] = random_byte(&state);
	feed(&whole, data, sizeof(data));
	for (i = 0; i < sizeof(data); i += n) {
		n = unit_random(&state) % 7 + 1;
		if (n > sizeof(data) - i)
			n = sizeof(data) - i;
		feed(&pieces, data + i, n);
	}
	unit_assert_bytes(buf_bytes(&whole.done), buf_bytes(&pieces.done));
	unit_assert_bytes(buf_bytes(&whole.text), buf_bytes(&pieces.text));
	ck_assert_mem_eq(&whole.telnet, &pieces.telnet, sizeof(whole.telnet));
	/* The longest answer is that to AYT, which has two bytes. */
	ck_assert_uint_le(whole.answers, sizeof(data) / 2);
	ck_assert_uint_le(buf_size(&whole.done) + buf_size(&whole.text),
	    sizeof(data) / 2 * strlen(YES));
	/* These bytes end any state. */
	feed(&whole, (const uint8_t *)IP "\n" SE "\n" IP, 8);
	ck_assert_uint_eq(whole.telnet.state, TELNET_TEXT);
	ck_assert_uint_eq(buf_size(&whole.text), 0);
	session_clear(&whole);
	session_clear(&pieces);
}

static const struct test tests[] = {
	CASE("telnet", NULL, NULL),
	EACH(test_stream, streams),
	EACH(test_stream_byte_by_byte, streams),
	EACH(test_transitions, states),
	ONCE(test_is_text),
	ONCE(test_refuse_once),
	ONCE(test_refuse_each),
	ONCE(test_endless_sub),
	ONCE(test_erase_long),
	EACH(test_erase, erase_table),
	ONCE(test_erase_consumed),
	ONCE(test_no_answer),
	LOOP(test_random, 200),
};

SUITE("telnet", tests)
