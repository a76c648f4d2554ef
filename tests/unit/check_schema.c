/*
 * check_schema: these tests check the messages between worker and registry
 * (proto/schema, proto/hello, proto/answer, proto/listing, proto/event), and
 * their bytes in this MESSAGE_VERSION.
 */

#include "unit.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/answer.h"
#include "proto/event.h"
#include "proto/format.h"
#include "proto/hello.h"
#include "proto/listing.h"
#include "proto/schema.h"
#include "registry/calls.h"

#define B(text) UNIT_BYTES(text)

static struct buf b;

static void
setup(void)
{
	buf_init(&b);
}

static void
teardown(void)
{
	buf_clear(&b);
}

__attribute__((format(printf, 1, 2))) static void
say(const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	ck_assert_int_lt(vsnprintf(text, sizeof(text), format, ap),
	    (int)sizeof(text));
	va_end(ap);
	buf_append_text(&b, text);
}

static void
describe(const char *what, int number, const struct schema *s)
{
	static const char *const wires[] = { "u8", "u16", "u64", "name",
		"value", "names", "rest" };
	const struct schema_field *field;
	size_t i;

	say("%s %d %s", what, number, s->name);
	for (i = 0; i < schema_count(s); i++) {
		field = schema_field((enum field)s->fields[i]);
		say(" %s:%s", field->name, wires[field->wire]);
		if (field->wire <= WIRE_NAME || field->wire == WIRE_NAMES)
			say("[%llu,%llu]", (unsigned long long)field->min,
			    (unsigned long long)field->max);
	}
	if (s->reply != 0)
		say(" -> %d", s->reply);
	say("\n");
}

static void
describe_statuses(void)
{
	struct buf line;
	int i;

	for (i = 0; i < STATUS_END; i++) {
		buf_init(&line);
		format_status(&line, (enum status)i);
		say("status %d %.*s\n", i, (int)buf_size(&line) - 2,
		    (const char *)buf_data(&line));
		buf_clear(&line);
	}
}

/*
 * A worker and a registry from two builds of kvd cannot work together if this
 * text differs between the builds.  If this test fails because a message was
 * changed on purpose, raise MESSAGE_VERSION first, and then record what the
 * test prints.
 */
static const char recorded[] =
    "version 6\n"
    "header 16, transaction 1000, subscriptions 256\n"
    "message 1 HELLO version:u16[0,65535] "
    "session:u64[0,18446744073709551615] seen:u64[0,18446744073709551615] "
    "told:u64[0,18446744073709551615] buckets:rest\n"
    "message 2 PING -> 128\n"
    "message 3 CREATE bucket:name[1,255] -> 128\n"
    "message 4 PUT bucket:name[1,255] key:name[1,255] value:value -> 128\n"
    "message 5 GET bucket:name[1,255] key:name[1,255] -> 128\n"
    "message 6 DELETE bucket:name[1,255] key:name[1,255] -> 128\n"
    "message 7 EXISTS bucket:name[1,255] key:name[1,255] -> 128\n"
    "message 8 INCR bucket:name[1,255] key:name[1,255] "
    "number:u64[0,18446744073709551615] -> 128\n"
    "message 9 PUT_EX bucket:name[1,255] key:name[1,255] value:value "
    "time:u64[1,10000000000000] -> 128\n"
    "message 10 DROP bucket:name[1,255] -> 128\n"
    "message 11 ADD bucket:name[1,255] key:name[1,255] value:value -> 128\n"
    "message 12 CAS bucket:name[1,255] key:name[1,255] old:value value:value "
    "-> 128\n"
    "message 13 EXPIRE bucket:name[1,255] key:name[1,255] "
    "time:u64[1,10000000000000] -> 128\n"
    "message 14 PERSIST bucket:name[1,255] key:name[1,255] -> 128\n"
    "message 15 TTL bucket:name[1,255] key:name[1,255] -> 128\n"
    "message 16 COUNT bucket:name[1,255] -> 128\n"
    "message 17 STATS -> 128\n"
    "message 18 TRANSACTION requests:rest -> 128\n"
    "message 19 LIST list-kind:u8[0,3] revision:u64[0,18446744073709551615] "
    "limit:u64[1,18446744073709551615] list-bucket:name[0,255] "
    "prefix:name[0,255] after:name[0,255] -> 129\n"
    "message 20 SUBSCRIBE bucket:name[1,255] prefix:name[0,255] -> 131\n"
    "message 21 UNSUBSCRIBE bucket:name[1,255] -> 128\n"
    "message 22 ADD_EX bucket:name[1,255] key:name[1,255] value:value "
    "time:u64[1,10000000000000] -> 128\n"
    "message 23 INCR_EX bucket:name[1,255] key:name[1,255] "
    "number:u64[0,18446744073709551615] time:u64[1,10000000000000] -> 128\n"
    "message 24 DELETE_IF bucket:name[1,255] key:name[1,255] old:value -> "
    "128\n"
    "message 25 GET_KEYS bucket:name[1,255] keys:names[1,1000] -> 128\n"
    "message 26 TAKE bucket:name[1,255] key:name[1,255] -> 128\n"
    "message 27 POP bucket:name[1,255] prefix:name[0,255] -> 128\n"
    "message 28 CLEAR bucket:name[1,255] prefix:name[0,255] "
    "clear-limit:u64[1,10000] -> 128\n"
    "message 29 SUBSCRIBE_SINCE bucket:name[1,255] prefix:name[0,255] "
    "since:u64[0,18446744073709551615] -> 131\n"
    "message 128 REPLY status:u8[0,34] lines:rest\n"
    "message 129 PAGE revision:u64[0,18446744073709551615] status:u8[0,34] "
    "more:u8[0,1] lines:rest\n"
    "message 130 EVENT event-kind:u8[0,6] event:rest\n"
    "message 131 SUBSCRIBED status:u8[0,34] "
    "revision:u64[0,18446744073709551615] id:u64[0,18446744073709551615]\n"
    "event 0 SET change:u64[0,18446744073709551615] key:name[1,255] "
    "value:value\n"
    "event 1 DELETED change:u64[0,18446744073709551615] key:name[1,255]\n"
    "event 2 DROPPED change:u64[0,18446744073709551615] bucket:name[1,255]\n"
    "event 3 COMMIT\n"
    "event 4 MISSED\n"
    "event 5 REPLACED change:u64[0,18446744073709551615]\n"
    "event 6 LAGGED\n"
    "status 0 OK\n"
    "status 1 NOT FOUND\n"
    "status 2 UNKNOWN COMMAND\n"
    "status 3 CONFLICT\n"
    "status 4 QUEUED\n"
    "status 5 ERROR bad escape\n"
    "status 6 ERROR unbalanced quotes\n"
    "status 7 ERROR too many words\n"
    "status 8 ERROR line too long\n"
    "status 9 ERROR unterminated line\n"
    "status 10 ERROR bucket name empty\n"
    "status 11 ERROR bucket name too long\n"
    "status 12 ERROR key empty\n"
    "status 13 ERROR key too long\n"
    "status 14 ERROR value too long\n"
    "status 15 ERROR not a number\n"
    "status 16 ERROR out of range\n"
    "status 17 ERROR value not a number\n"
    "status 18 ERROR overflow\n"
    "status 19 ERROR no transaction\n"
    "status 20 ERROR already in a transaction\n"
    "status 21 ERROR cannot be queued\n"
    "status 22 ERROR transaction too large\n"
    "status 23 ERROR too many listings\n"
    "status 24 ERROR snapshot lost\n"
    "status 25 ERROR too many subscriptions\n"
    "status 26 ERROR lagged\n"
    "status 27 ERROR storage full\n"
    "status 28 ERROR data damaged\n"
    "status 29 ERROR registry unavailable\n"
    "status 30 ERROR idle timeout\n"
    "status 31 ERROR shutting down\n"
    "status 32 ERROR disconnected\n"
    "status 33 ERROR too many keys\n"
    "status 34 ERROR reply too large\n";

TEST(test_description)
{
	const struct schema *s;
	int i;

	say("version %d\n", MESSAGE_VERSION);
	say("header %d, transaction %d, subscriptions %d\n",
	    MESSAGE_HEADER_SIZE, MESSAGE_TRANSACTION_REQUESTS,
	    MESSAGE_SUBSCRIPTIONS_MAX);
	for (i = 0; i <= UINT16_MAX; i++)
		if ((s = schema_find((uint16_t)i)) != NULL)
			describe("message", i, s);
	for (i = 0; i <= UINT8_MAX; i++)
		if ((s = schema_event((uint8_t)i)) != NULL)
			describe("event", i, s);
	describe_statuses();
	buf_append_byte(&b, '\0');
	if (strcmp((const char *)buf_data(&b), recorded) != 0)
		ck_abort_msg("the messages are not those recorded for version "
			     "%d: raise MESSAGE_VERSION, and record\n%s",
		    MESSAGE_VERSION, (const char *)buf_data(&b));
}

/* The bytes of each value differ from each other and from those of other
 * fields. */
static const struct fields sample = {
	.bucket = B("bu"),
	.key = B("key"),
	.value = B("value"),
	.old = B("old!"),
	.prefix = B("p"),
	.after = B("af"),
	.rest = B("\1r"),
	.number = INT64_C(0x0102030405),
	.time_ms = INT64_C(0x0908070605),
	.session = UINT64_C(0x1112131415161718),
	.seen = UINT64_C(0x2122232425262728),
	.told = UINT64_C(0x6162636465666768),
	.id = UINT64_C(0x7172737475767778),
	.change = UINT64_C(0x8182838485868788),
	.revision = UINT64_C(0x3132333435363738),
	.since = UINT64_C(0x9192939495969798),
	.limit = 0x2142,
	.version = MESSAGE_VERSION,
	.kind = 1,
	.status = STATUS_CONFLICT,
	.more = 1,
};

#define SEQUENCE UINT64_C(0x5152535455565758)

/*
 * These frames are recorded for the same reason, in hexadecimal, as a
 * little-endian machine writes them.  The first line of each frame is the
 * header.
 */
static const struct {
	int type;
	const char *frame;
} message_frames[] = {
	{ MESSAGE_HELLO,
	    "2c000000010000005857565554535251"
	    "06001817161514131211282726252423222168676665646362610172" },
	{ MESSAGE_PING, "10000000020000005857565554535251" },
	{ MESSAGE_CREATE,
	    "13000000030000005857565554535251"
	    "026275" },
	{ MESSAGE_PUT,
	    "20000000040000005857565554535251"
	    "026275036b65790500000076616c7565" },
	{ MESSAGE_GET,
	    "17000000050000005857565554535251"
	    "026275036b6579" },
	{ MESSAGE_DELETE,
	    "17000000060000005857565554535251"
	    "026275036b6579" },
	{ MESSAGE_EXISTS,
	    "17000000070000005857565554535251"
	    "026275036b6579" },
	{ MESSAGE_INCR,
	    "1f000000080000005857565554535251"
	    "026275036b65790504030201000000" },
	{ MESSAGE_PUT_EX,
	    "28000000090000005857565554535251"
	    "026275036b65790500000076616c75650506070809000000" },
	{ MESSAGE_DROP,
	    "130000000a0000005857565554535251"
	    "026275" },
	{ MESSAGE_ADD,
	    "200000000b0000005857565554535251"
	    "026275036b65790500000076616c7565" },
	{ MESSAGE_CAS,
	    "280000000c0000005857565554535251"
	    "026275036b6579040000006f6c64210500000076616c7565" },
	{ MESSAGE_EXPIRE,
	    "1f0000000d0000005857565554535251"
	    "026275036b65790506070809000000" },
	{ MESSAGE_PERSIST,
	    "170000000e0000005857565554535251"
	    "026275036b6579" },
	{ MESSAGE_TTL,
	    "170000000f0000005857565554535251"
	    "026275036b6579" },
	{ MESSAGE_COUNT,
	    "13000000100000005857565554535251"
	    "026275" },
	{ MESSAGE_STATS, "10000000110000005857565554535251" },
	{ MESSAGE_TRANSACTION,
	    "12000000120000005857565554535251"
	    "0172" },
	{ MESSAGE_LIST,
	    "29000000130000005857565554535251"
	    "01383736353433323142210000000000000262750170026166" },
	{ MESSAGE_SUBSCRIBE,
	    "15000000140000005857565554535251"
	    "0262750170" },
	{ MESSAGE_UNSUBSCRIBE,
	    "13000000150000005857565554535251"
	    "026275" },
	{ MESSAGE_ADD_EX,
	    "28000000160000005857565554535251"
	    "026275036b65790500000076616c75650506070809000000" },
	{ MESSAGE_INCR_EX,
	    "27000000170000005857565554535251"
	    "026275036b657905040302010000000506070809000000" },
	{ MESSAGE_DELETE_IF,
	    "1f000000180000005857565554535251"
	    "026275036b6579040000006f6c6421" },
	{ MESSAGE_GET_KEYS,
	    "15000000190000005857565554535251"
	    "0262750172" },
	{ MESSAGE_TAKE,
	    "170000001a0000005857565554535251"
	    "026275036b6579" },
	{ MESSAGE_POP,
	    "150000001b0000005857565554535251"
	    "0262750170" },
	{ MESSAGE_CLEAR,
	    "1d0000001c0000005857565554535251"
	    "02627501704221000000000000" },
	{ MESSAGE_SUBSCRIBE_SINCE,
	    "1d0000001d0000005857565554535251"
	    "02627501709897969594939291" },
	{ MESSAGE_REPLY,
	    "13000000800000005857565554535251"
	    "030172" },
	{ MESSAGE_PAGE,
	    "1c000000810000005857565554535251"
	    "383736353433323103010172" },
	{ MESSAGE_EVENT,
	    "13000000820000005857565554535251"
	    "010172" },
	{ MESSAGE_SUBSCRIBED,
	    "21000000830000005857565554535251"
	    "0338373635343332317877767574737271" },
};

static const char *const event_frames[EVENT_KINDS] = {
	[EVENT_SET] = "26000000820000005857565554535251"
		      "008887868584838281036b65790500000076616c7565",
	[EVENT_DELETED] = "1d000000820000005857565554535251"
			  "018887868584838281036b6579",
	[EVENT_DROPPED] = "1c000000820000005857565554535251"
			  "028887868584838281026275",
	[EVENT_COMMIT] = "11000000820000005857565554535251"
			 "03",
	[EVENT_MISSED] = "11000000820000005857565554535251"
			 "04",
	[EVENT_REPLACED] = "19000000820000005857565554535251"
			   "058887868584838281",
	[EVENT_LAGGED] = "11000000820000005857565554535251"
			 "06",
};

/* This returns the frames in `b` as text. */
static const char *
hex(void)
{
	static char text[512];
	const uint8_t *p = buf_data(&b);
	size_t i, size = buf_size(&b);

	ck_assert_uint_lt(2 * size, sizeof(text));
	for (i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	return text;
}

/* The recorded bytes are valid only on a little-endian machine. */
static bool
is_little_endian(void)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

static const char *
find_frame(int type)
{
	size_t i;

	for (i = 0; i < COUNT(message_frames); i++)
		if (message_frames[i].type == type)
			return message_frames[i].frame;
	return "none recorded";
}

/* This compares a frame of each message. */
TEST(test_frames)
{
	uint16_t type;
	bool same = true;

	for (type = 0; type < MESSAGE_END; type++) {
		if (schema_find(type) == NULL)
			continue;
		buf_truncate(&b, 0);
		schema_put(&b, (enum message_type)type, SEQUENCE, &sample);
		if (!is_little_endian() || strcmp(hex(), find_frame(type)) == 0)
			continue;
		printf("%s: %s\n", schema_find(type)->name, hex());
		same = false;
	}
	ck_assert_msg(same,
	    "frames are not as recorded: raise MESSAGE_VERSION, and record "
	    "those that are printed above");
}

TEST(test_event_frames)
{
	struct fields event = sample;

	event.kind = (uint8_t)_i;
	event_put(&b, SEQUENCE, &event);
	if (is_little_endian() && strcmp(hex(), event_frames[_i]) != 0)
		ck_abort_msg("%s: %s", schema_event((uint8_t)_i)->name, hex());
}

/* The messages REPLY, PAGE and HELLO have parts that are not fields. */
TEST(test_composed_frames)
{
	static const struct bytes words[2] = { B("a"), B("bc") };
	struct listing_page page = { 5, STATUS_NOT_FOUND, true };
	struct hello hello = { 6, 7, 8, { NULL, 0 } };
	struct buf buckets;
	size_t position;

	if (!is_little_endian())
		return;
	position = answer_begin(&b, 1, STATUS_OK);
	answer_put_line(&b, words, 2);
	answer_put_line(&b, NULL, 0);
	answer_put_status_line(&b, STATUS_QUEUED);
	message_end(&b, position);
	ck_assert_str_eq(hex(),
	    "23000000800000000100000000000000"
	    "00"
	    "02000100000061020000006263"
	    "0000"
	    "ffff04");
	buf_truncate(&b, 0);
	answer_put(&b, 1, STATUS_CONFLICT);
	ck_assert_str_eq(hex(),
	    "11000000800000000100000000000000"
	    "03");
	buf_truncate(&b, 0);
	position = listing_begin_page(&b, 1);
	answer_put_line(&b, words, 1);
	listing_end_page(&b, position, &page);
	ck_assert_str_eq(hex(),
	    "21000000810000000100000000000000"
	    "05000000000000000101"
	    "01000100000061");
	buf_truncate(&b, 0);
	buf_init(&buckets);
	hello_put_bucket(&buckets,
	    &(struct hello_bucket){ words[0], 1, { NULL, 0 }, 3, false });
	hello_put_bucket(&buckets,
	    &(struct hello_bucket){ words[1], 2, words[0], 4, true });
	hello.buckets = buf_bytes(&buckets);
	hello_put(&b, &hello);
	ck_assert_str_eq(hex(),
	    "54000000010000000000000000000000"
	    "0600060000000000000007000000000000000800000000000000"
	    "016101000000000000000003000000000000000002626302000000000000000161"
	    "040000000000000001");
	buf_clear(&buckets);
}

/* Fields that schema_get() does not set must not matter. */
static void
assert_fields(const struct schema *s, const struct fields *f)
{
	const struct schema_field *field;
	const uint8_t *got, *want;
	size_t i;

	for (i = 0; i < schema_count(s); i++) {
		field = schema_field((enum field)s->fields[i]);
		got = (const uint8_t *)f + field->offset;
		want = (const uint8_t *)&sample + field->offset;
		if (field->wire >= WIRE_NAME)
			unit_assert_bytes(
			    *(const struct bytes *)(const void *)got,
			    *(const struct bytes *)(const void *)want);
		else
			ck_assert_mem_eq(got, want, (size_t)1 << field->wire);
	}
}

/* A written message is read back; a shorter or longer one is refused. */
TEST(test_get)
{
	const struct schema *s = schema_find((uint16_t)_i);
	struct fields f;
	struct message m;
	uint8_t *copy;
	size_t size;
	bool rest;

	if (s == NULL)
		return;
	schema_put(&b, (enum message_type)_i, 1, &sample);
	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b), SIZE_MAX, &m),
	    1);
	rest = schema_count(s) > 0 &&
	    schema_field((enum field)s->fields[schema_count(s) - 1])->wire ==
		WIRE_REST;
	for (size = 0; size <= m.body.size; size++) {
		copy = unit_copy(m.body.data, size);
		ck_assert_int_eq(schema_get(s, (struct bytes){ copy, size },
				     sample.value.size, &f),
		    size == m.body.size ||
			(rest && size + sample.rest.size >= m.body.size));
		if (size == m.body.size)
			assert_fields(s, &f);
		free(copy);
	}
	message_put_u8(&b, 0);
	m.body = (struct bytes){ buf_data(&b) + MESSAGE_HEADER_SIZE,
		buf_size(&b) - MESSAGE_HEADER_SIZE };
	ck_assert_int_eq(schema_get(s, m.body, SIZE_MAX, &f), rest);
}

/* The numbers and sizes are at their bounds and one beyond them. */
static const struct {
	enum message_type type;
	struct fields fields;
	bool good;
} bound_table[] = {
	{ MESSAGE_COUNT, { .bucket = B("") }, false },
	{ MESSAGE_TTL, { .bucket = B("b"), .key = B("") }, false },
	{ MESSAGE_PUT,
	    { .bucket = B("b"), .key = B("k"), .value = B("12345678") }, true },
	{ MESSAGE_PUT,
	    { .bucket = B("b"), .key = B("k"), .value = B("123456789") },
	    false },
	{ MESSAGE_CAS,
	    { .bucket = B("b"), .key = B("k"), .old = B("123456789") }, false },
	{ MESSAGE_INCR,
	    { .bucket = B("b"), .key = B("k"), .number = INT64_MIN }, true },
	{ MESSAGE_EXPIRE, { .bucket = B("b"), .key = B("k"), .time_ms = 0 },
	    false },
	{ MESSAGE_EXPIRE, { .bucket = B("b"), .key = B("k"), .time_ms = 1 },
	    true },
	{ MESSAGE_EXPIRE,
	    { .bucket = B("b"), .key = B("k"), .time_ms = MESSAGE_TIME_MAX_MS },
	    true },
	{ MESSAGE_EXPIRE,
	    { .bucket = B("b"),
		.key = B("k"),
		.time_ms = MESSAGE_TIME_MAX_MS + 1 },
	    false },
	{ MESSAGE_EXPIRE, { .bucket = B("b"), .key = B("k"), .time_ms = -1 },
	    false },
	{ MESSAGE_CLEAR, { .bucket = B("b"), .limit = 0 }, false },
	{ MESSAGE_CLEAR, { .bucket = B("b"), .limit = 10000 }, true },
	{ MESSAGE_CLEAR, { .bucket = B("b"), .limit = 10001 }, false },
	{ MESSAGE_POP, { .bucket = B("b"), .prefix = B("") }, true },
	{ MESSAGE_GET_KEYS, { .bucket = B("b"), .rest = B("\1k") }, true },
	{ MESSAGE_GET_KEYS, { .bucket = B("b"), .rest = B("\1k\2ab") }, true },
	{ MESSAGE_GET_KEYS, { .bucket = B("b"), .rest = B("") }, false },
	{ MESSAGE_GET_KEYS, { .bucket = B("b"), .rest = B("\1k\0") }, false },
	{ MESSAGE_GET_KEYS, { .bucket = B("b"), .rest = B("\1k\2a") }, false },
	{ MESSAGE_GET_KEYS, { .bucket = B("b"), .rest = B("\0\1k") }, false },
	{ MESSAGE_LIST, { .kind = LIST_BUCKETS, .limit = 1 }, true },
	{ MESSAGE_LIST, { .kind = LIST_BUCKETS, .limit = 0 }, false },
	{ MESSAGE_LIST, { .kind = LIST_KINDS, .limit = 1 }, false },
	{ MESSAGE_REPLY, { .status = STATUS_END - 1 }, true },
	{ MESSAGE_REPLY, { .status = STATUS_END }, false },
	{ MESSAGE_PAGE, { .more = 1 }, true },
	{ MESSAGE_PAGE, { .more = 2 }, false },
	{ MESSAGE_EVENT, { .kind = EVENT_KINDS - 1 }, true },
	{ MESSAGE_EVENT, { .kind = EVENT_KINDS }, false },
};

TEST(test_bounds)
{
	struct message m;
	struct fields f;

	schema_put(&b, bound_table[_i].type, 1, &bound_table[_i].fields);
	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b), SIZE_MAX, &m),
	    1);
	ck_assert_int_eq(schema_get(schema_find(m.type), m.body, 8, &f),
	    bound_table[_i].good);
}

/* The flags of a message must agree with its functions. */
TEST(test_flags)
{
	const struct schema *s;
	uint16_t type;

	for (type = 0; type < MESSAGE_END; type++) {
		if ((s = schema_find(type)) == NULL) {
			ck_assert(call_find(type) == NULL);
			continue;
		}
		ck_assert_int_eq(type < MESSAGE_REQUEST_END,
		    s->reply != 0 || s->flags == SCHEMA_BEFORE_HELLO);
		ck_assert_int_eq((s->flags & SCHEMA_BEFORE_HELLO) != 0,
		    type == MESSAGE_HELLO);
		/* registry/request.c handles these messages itself. */
		if (s->reply == MESSAGE_REPLY && type != MESSAGE_TRANSACTION &&
		    type != MESSAGE_SUBSCRIBE && type != MESSAGE_UNSUBSCRIBE)
			ck_assert(call_find(type) != NULL);
		/* A transaction executes its requests by their functions. */
		if (s->flags & SCHEMA_QUEUED)
			ck_assert(call_find(type) != NULL);
		if (s->flags & SCHEMA_FREES)
			ck_assert(s->flags & SCHEMA_WRITES);
	}
}

static enum hello_result
get_hello(size_t size, struct hello *hello)
{
	struct message m = { .type = MESSAGE_HELLO,
		.body = { buf_data(&b) + MESSAGE_HEADER_SIZE, size } };

	return hello_get(&m, hello);
}

/* A bucket of which a part is missing is not taken. */
TEST(test_hello_buckets)
{
	struct hello_bucket got;
	struct bytes rest;
	size_t size;

	hello_put_bucket(&b,
	    &(struct hello_bucket){ bytes_from_text("bu"), 7,
		bytes_from_text("pre"), 9, true });
	for (size = 0; size < buf_size(&b); size++) {
		rest = (struct bytes){ buf_data(&b), size };
		ck_assert(!hello_next_bucket(&rest, &got));
		ck_assert_uint_eq(rest.size, size);
	}
	rest = buf_bytes(&b);
	ck_assert(hello_next_bucket(&rest, &got));
	ck_assert_uint_eq(rest.size, 0);
	unit_assert_bytes(got.name, bytes_from_text("bu"));
	ck_assert_uint_eq(got.id, 7);
	unit_assert_bytes(got.prefix, bytes_from_text("pre"));
	ck_assert_uint_eq(got.after, 9);
	ck_assert(got.tells_revision);
}

TEST(test_hello)
{
	struct hello hello = { 1, 2, 3, B("\1b") }, got;
	uint16_t version = MESSAGE_VERSION + 1;
	size_t size;

	hello_put(&b, &hello);
	for (size = 0; size < 2 + 8 + 8 + 8; size++)
		ck_assert_int_eq(get_hello(size, &got), HELLO_MALFORMED);
	ck_assert_int_eq(get_hello(26 + 2, &got), HELLO_OK);
	ck_assert_uint_eq(got.session, 1);
	ck_assert_uint_eq(got.seen, 2);
	ck_assert_uint_eq(got.told, 3);
	unit_assert_bytes(got.buckets, hello.buckets);
	/* Only the version is read of a HELLO of another version. */
	memcpy(buf_data(&b) + MESSAGE_HEADER_SIZE, &version, sizeof(version));
	ck_assert_int_eq(get_hello(2, &got), HELLO_OTHER_VERSION);
	ck_assert_int_eq(get_hello(1, &got), HELLO_MALFORMED);
}

/* LIST_BUCKETS has no bucket, and the other listings need one. */
TEST(test_listing_sound)
{
	struct fields f = { .kind = LIST_BUCKETS };

	ck_assert(listing_is_sound(&f));
	f.kind = LIST_KEYS;
	ck_assert(!listing_is_sound(&f));
	f.bucket = bytes_from_text("b");
	ck_assert(listing_is_sound(&f));
	f.kind = LIST_BUCKETS;
	ck_assert(!listing_is_sound(&f));
}

/* If memory runs out, nothing outside the buffer is written, and the buffer
 * reports the failure. */
TEST(test_out_of_memory)
{
	struct listing_page page = { 5, STATUS_OK, true };
	uint8_t memory[MESSAGE_HEADER_SIZE];
	size_t position;

	buf_init_with(&b, memory, sizeof(memory));
	position = message_begin(&b, MESSAGE_PAGE, 1);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	listing_end_page(&b, position, &page);
	schema_put(&b, MESSAGE_PUT, 1, &sample);
	ck_assert(buf_failed(&b));
	ck_assert_uint_eq(buf_size(&b), sizeof(memory));
}

static const struct test tests[] = {
	CASE("schema", setup, teardown),
	ONCE(test_description),
	ONCE(test_frames),
	LOOP(test_event_frames, EVENT_KINDS),
	ONCE(test_composed_frames),
	LOOP(test_get, MESSAGE_END + 1),
	EACH(test_bounds, bound_table),
	ONCE(test_flags),
	ONCE(test_hello),
	ONCE(test_hello_buckets),
	ONCE(test_listing_sound),
	ONCE(test_out_of_memory),
};

SUITE("schema", tests)
