/*
 * check_message: these tests check the frames between worker and registry
 * (proto/message).
 */

#include "unit.h"

#include <stdbool.h>

#include "proto/message.h"

#define B(text) UNIT_BYTES(text)

static struct buf b;
static uint8_t bytes_256[256];

static void
setup(void)
{
	size_t i;

	buf_init(&b);
	for (i = 0; i < sizeof(bytes_256); i++)
		bytes_256[i] = (uint8_t)i;
}

static void
teardown(void)
{
	buf_clear(&b);
}

/* This is message_get on a copy with no byte after it; the body is not kept. */
static int
get(size_t size, size_t frame_max, struct message *m)
{
	uint8_t *copy = unit_copy(buf_data(&b), size);
	int rc = message_get(copy, size, frame_max, m);

	if (rc == 1) {
		ck_assert_ptr_eq(m->body.data, copy + MESSAGE_HEADER_SIZE);
		m->body.data = buf_data(&b) + MESSAGE_HEADER_SIZE;
	}
	free(copy);
	return rc;
}

static const struct {
	enum message_type type;
	uint64_t sequence;
	struct bytes body;
} frame_table[] = {
	{ MESSAGE_PING, 0, B("") },
	{ MESSAGE_HELLO, 1, B("x") },
	{ MESSAGE_PUT, UINT64_MAX, B("some bytes\0and more") },
	{ MESSAGE_EXISTS, 0x0102030405060708, B("\0\0\0\0") },
	{ MESSAGE_LIST, 2, B("\1") },
	{ MESSAGE_SUBSCRIBE, 3, B("\1b") },
	{ MESSAGE_UNSUBSCRIBE, 4, B("\1b") },
	{ MESSAGE_REPLY, (uint64_t)1 << 63, B("\xff") },
	{ MESSAGE_PAGE, 5, B("") },
	{ MESSAGE_EVENT, 0, B("\0\1k") },
};

TEST(test_frame)
{
	struct bytes body = frame_table[_i].body;
	size_t position, size, frame_size;
	struct message m;

	position =
	    message_begin(&b, frame_table[_i].type, frame_table[_i].sequence);
	ck_assert_uint_eq(position, 0);
	buf_append(&b, body.data, body.size);
	message_end(&b, position);
	frame_size = MESSAGE_HEADER_SIZE + body.size;
	ck_assert_uint_eq(buf_size(&b), frame_size);
	for (size = 0; size < frame_size; size++)
		ck_assert_int_eq(get(size, frame_size, &m), 0);
	ck_assert_int_eq(get(frame_size, frame_size, &m), 1);
	ck_assert_uint_eq(m.type, frame_table[_i].type);
	ck_assert_uint_eq(m.sequence, frame_table[_i].sequence);
	ck_assert_uint_eq(m.frame_size, frame_size);
	unit_assert_bytes(m.body, body);
	/* The frame is one byte larger than the limit, which the header alone
	 * shows. */
	ck_assert_int_eq(get(frame_size, frame_size - 1, &m), -1);
	ck_assert_int_eq(get(MESSAGE_HEADER_SIZE, frame_size - 1, &m), -1);
}

/* The header is as message.h defines it: size, type, zero, sequence. */
TEST(test_frame_layout)
{
	uint32_t size;
	uint16_t type, zero;
	uint64_t sequence;

	buf_append_text(&b, "before");
	message_end(&b, message_begin(&b, MESSAGE_GET, 77));
	ck_assert_uint_eq(buf_size(&b), 6 + MESSAGE_HEADER_SIZE);
	memcpy(&size, buf_data(&b) + 6, sizeof(size));
	memcpy(&type, buf_data(&b) + 10, sizeof(type));
	memcpy(&zero, buf_data(&b) + 12, sizeof(zero));
	memcpy(&sequence, buf_data(&b) + 14, sizeof(sequence));
	ck_assert_uint_eq(size, MESSAGE_HEADER_SIZE);
	ck_assert_uint_eq(type, MESSAGE_GET);
	ck_assert_uint_eq(zero, 0);
	ck_assert_uint_eq(sequence, 77);
	ck_assert_mem_eq(buf_data(&b), "before", 6);
}

static const struct {
	uint32_t size; /* This is the size that the header claims. */
	size_t there; /* This many bytes are present. */
	size_t frame_max;
	int rc;
} header_table[] = {
	{ 0, 0, 1024, 0 },
	{ 0, 4, 1024, 0 },
	{ 0, 15, 1024, 0 },
	{ 0, 16, 1024, -1 },
	{ 1, 16, 1024, -1 },
	{ 15, 16, 1024, -1 },
	{ 15, 64, 1024, -1 },
	{ 16, 15, 1024, 0 },
	{ 16, 16, 1024, 1 },
	{ 16, 64, 1024, 1 },
	{ 16, 16, 16, 1 },
	{ 16, 16, 15, -1 },
	{ 16, 16, 0, -1 },
	{ 17, 16, 1024, 0 },
	{ 17, 17, 1024, 1 },
	{ 17, 17, 16, -1 },
	{ 64, 63, 1024, 0 },
	{ 64, 64, 1024, 1 },
	{ 1024, 16, 1024, 0 },
	{ 1025, 16, 1024, -1 },
	{ 0x7fffffff, 64, 1024, -1 },
	{ 0x80000000, 64, 1024, -1 },
	{ UINT32_MAX, 64, 1024, -1 },
	{ UINT32_MAX, 64, SIZE_MAX, 0 },
};

TEST(test_header)
{
	uint8_t frame[64] = { 0 };
	struct message m;

	memcpy(frame, &header_table[_i].size, sizeof(uint32_t));
	buf_append(&b, frame, header_table[_i].there);
	ck_assert_int_eq(
	    get(header_table[_i].there, header_table[_i].frame_max, &m),
	    header_table[_i].rc);
}

/* A frame is refused if any bit is set in the field that must be zero. */
TEST(test_header_not_zero)
{
	uint16_t bad = (uint16_t)(1 << _i);
	struct message m;

	message_end(&b, message_begin(&b, MESSAGE_PING, 1));
	ck_assert_int_eq(get(MESSAGE_HEADER_SIZE, 1024, &m), 1);
	memcpy(buf_data(&b) + 6, &bad, sizeof(bad));
	ck_assert_int_eq(get(MESSAGE_HEADER_SIZE - 1, 1024, &m), 0);
	ck_assert_int_eq(get(MESSAGE_HEADER_SIZE, 1024, &m), -1);
}

TEST(test_frames_back_to_back)
{
	struct message m;
	uint64_t i, v = 0;
	size_t position;

	for (i = 0; i < 100; i++) {
		position = message_begin(&b, MESSAGE_PING, i);
		if (i % 3 != 0)
			message_put_u64(&b, ~i);
		message_end(&b, position);
	}
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(
		    message_get(buf_data(&b), buf_size(&b), 64, &m), 1);
		ck_assert_uint_eq(m.sequence, i);
		ck_assert_int_eq(message_get_u64(&m.body, &v), i % 3 != 0);
		if (i % 3 != 0)
			ck_assert_uint_eq(v, ~i);
		ck_assert_uint_eq(m.body.size, 0);
		buf_consume(&b, m.frame_size);
	}
	ck_assert_uint_eq(buf_size(&b), 0);
	ck_assert_int_eq(message_get(buf_data(&b), 0, 64, &m), 0);
}

/* The previous frame is consumed before message_end() is called. */
TEST(test_begin_after_consume)
{
	struct message m;
	size_t position;

	message_end(&b, message_begin(&b, MESSAGE_PING, 1));
	buf_consume(&b, MESSAGE_HEADER_SIZE);
	position = message_begin(&b, MESSAGE_PING, 2);
	message_put_name(&b, bytes_from_text("x"));
	message_end(&b, position);
	ck_assert_int_eq(get(buf_size(&b), 64, &m), 1);
	ck_assert_uint_eq(m.sequence, 2);
	ck_assert_uint_eq(m.frame_size, MESSAGE_HEADER_SIZE + 2);
}

TEST(test_numbers)
{
	static const uint64_t table[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff,
		0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, INT64_MAX, UINT64_MAX };
	struct bytes body;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		buf_truncate(&b, 0);
		message_put_u8(&b, (uint8_t)table[i]);
		message_put_u16(&b, (uint16_t)table[i]);
		message_put_u32(&b, (uint32_t)table[i]);
		message_put_u64(&b, table[i]);
		ck_assert_uint_eq(buf_size(&b), 15);
		body = buf_bytes(&b);
		ck_assert(message_get_u8(&body, &u8));
		ck_assert(message_get_u16(&body, &u16));
		ck_assert(message_get_u32(&body, &u32));
		ck_assert(message_get_u64(&body, &u64));
		ck_assert_uint_eq(u8, (uint8_t)table[i]);
		ck_assert_uint_eq(u16, (uint16_t)table[i]);
		ck_assert_uint_eq(u32, (uint32_t)table[i]);
		ck_assert_uint_eq(u64, table[i]);
		ck_assert_uint_eq(body.size, 0);
		ck_assert(!message_get_u8(&body, &u8));
	}
}

/* Each kind of field is read from bodies that are too short, down to empty. */
static bool
get_field(char kind, struct bytes *body)
{
	struct bytes bytes;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	switch (kind) {
	case '1':
		return message_get_u8(body, &u8);
	case '2':
		return message_get_u16(body, &u16);
	case '4':
		return message_get_u32(body, &u32);
	case '8':
		return message_get_u64(body, &u64);
	case 'n':
		return message_get_name(body, &bytes);
	case 'v':
		return message_get_value(body, &bytes);
	default:
		ck_abort_msg("no such kind of field");
	}
}

static const char field_kinds[] = "1248nv";

TEST(test_field_truncated)
{
	char kind = field_kinds[_i];
	struct bytes body, before;
	size_t size, whole;
	uint8_t *copy;

	if (kind == 'n')
		message_put_name(&b, bytes_from_text("a name"));
	else if (kind == 'v')
		message_put_value(&b, bytes_from_text("a value"));
	else
		buf_append(&b, "\1\2\3\4\5\6\7\10", (size_t)(kind - '0'));
	whole = buf_size(&b);
	for (size = 0; size <= whole; size++) {
		copy = unit_copy(buf_data(&b), size);
		before = body = (struct bytes){ copy, size };
		ck_assert_int_eq(get_field(kind, &body), size == whole);
		/* A body that is too short is left as it was. */
		ck_assert_uint_eq(body.size, size == whole ? 0 : size);
		if (size < whole)
			ck_assert_ptr_eq(body.data, before.data);
		free(copy);
	}
	body = (struct bytes){ NULL, 0 };
	ck_assert(!get_field(kind, &body));
}

static const size_t name_sizes[] = { 0, 1, 2, 127, 128, 254, 255 };

TEST(test_name)
{
	struct bytes name = { bytes_256, name_sizes[_i] }, body, got;

	message_put_name(&b, name);
	message_put_u8(&b, 0xa5);
	ck_assert_uint_eq(buf_size(&b), 1 + name.size + 1);
	body = buf_bytes(&b);
	ck_assert(message_get_name(&body, &got));
	unit_assert_bytes(got, name);
	ck_assert_uint_eq(body.size, 1);
	ck_assert_int_eq(*(const uint8_t *)body.data, 0xa5);
}

static const size_t value_sizes[] = { 0, 1, 255, 256, 65535, 65536, 1 << 20,
	(1 << 20) + 1 };

TEST(test_value)
{
	size_t size = value_sizes[_i];
	struct bytes value = { NULL, size }, body, got;
	uint8_t *data = malloc(size + 1);

	ck_assert_ptr_nonnull(data);
	memset(data, 0xc3, size);
	value.data = data;
	message_put_value(&b, value);
	message_put_u8(&b, 0xa5);
	ck_assert_uint_eq(buf_size(&b), 4 + size + 1);
	body = buf_bytes(&b);
	ck_assert(message_get_value(&body, &got));
	unit_assert_bytes(got, value);
	ck_assert_uint_eq(body.size, 1);
	free(data);
}

TEST(test_empty_without_data)
{
	struct bytes none = { NULL, 0 }, body, got;

	message_put_name(&b, none);
	message_put_value(&b, none);
	body = buf_bytes(&b);
	ck_assert_uint_eq(body.size, 5);
	ck_assert(message_get_name(&body, &got));
	ck_assert_uint_eq(got.size, 0);
	ck_assert(message_get_value(&body, &got));
	ck_assert_uint_eq(got.size, 0);
	ck_assert_uint_eq(body.size, 0);
}

/* These sizes claim more than the body holds, up to the largest number. */
static const uint32_t claim_table[] = { 4, 5, 255, 65536, 0x7fffffff,
	0x80000000, UINT32_MAX - 4, UINT32_MAX - 3, UINT32_MAX };

TEST(test_value_claims_more)
{
	struct bytes body, got;

	message_put_u32(&b, claim_table[_i]);
	buf_append_text(&b, "abc");
	body = buf_bytes(&b);
	ck_assert(!message_get_value(&body, &got));
	ck_assert_uint_eq(body.size, 7);
	ck_assert_ptr_eq(body.data, buf_data(&b));
}

TEST(test_name_claims_more)
{
	struct bytes body, got;
	int size;

	for (size = 4; size < 256; size++) {
		buf_truncate(&b, 0);
		message_put_u8(&b, (uint8_t)size);
		buf_append_text(&b, "abc");
		body = buf_bytes(&b);
		ck_assert(!message_get_name(&body, &got));
		ck_assert_uint_eq(body.size, 4);
	}
}

/* A PUT is truncated at every byte: whole fields are read, and then none. */
TEST(test_body_truncated)
{
	struct bytes body, bucket, key, value;
	size_t size, whole;
	uint8_t *copy;

	message_put_name(&b, bytes_from_text("bucket"));
	message_put_name(&b, bytes_from_text("k"));
	message_put_value(&b, bytes_from_text("value"));
	whole = buf_size(&b);
	for (size = 0; size <= whole; size++) {
		copy = unit_copy(buf_data(&b), size);
		body = (struct bytes){ copy, size };
		ck_assert_int_eq(message_get_name(&body, &bucket) &&
			message_get_name(&body, &key) &&
			message_get_value(&body, &value),
		    size == whole);
		free(copy);
	}
}

static const size_t value_max_table[] = { 0, 1, 1000, 1 << 20, 1 << 30 };

#define NAME_SIZE (1 + 255)

/*
 * The largest request fits in a frame, alone and together with others in a
 * transaction.  A HELLO with all its subscriptions fits, too.
 */
TEST(test_request_max)
{
	size_t value_max = value_max_table[_i], need, more, hello;

	need = MESSAGE_HEADER_SIZE + 2 * NAME_SIZE + 2 * (4 + value_max);
	more = message_transaction_max(value_max) - need;
	ck_assert_uint_ge(more, 1 << 20);
	ck_assert_uint_lt(more, (1 << 20) + 2 * NAME_SIZE);
	ck_assert_uint_eq(message_request_max(value_max),
	    MESSAGE_HEADER_SIZE + message_transaction_max(value_max));
	hello = MESSAGE_HEADER_SIZE + 2 + 8 + 8 +
	    MESSAGE_SUBSCRIPTIONS_MAX * NAME_SIZE;
	ck_assert_uint_ge(message_request_max(value_max), hello);
}

/* If memory runs out, nothing outside the buffer is written, and the buffer
 * reports the failure. */
TEST(test_out_of_memory)
{
	size_t position;

	position = message_begin(&b, MESSAGE_PUT, 1);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	message_put_name(&b, bytes_from_text("a"));
	message_put_value(&b, bytes_from_text("b"));
	message_end(&b, position);
	position = message_begin(&b, MESSAGE_PUT, 2);
	message_end(&b, position);
	ck_assert(buf_failed(&b));
	ck_assert_uint_eq(buf_size(&b), MESSAGE_HEADER_SIZE);
}

/* The body of the frame is random bytes: no field is read past the end. */
TEST(test_random_bodies)
{
	uint64_t state = 16;
	uint8_t data[64], *copy;
	struct bytes body;
	size_t size, left, i;
	int round;

	for (round = 0; round < 20000; round++) {
		size = unit_random(&state) % sizeof(data);
		for (i = 0; i < size; i++)
			data[i] = (uint8_t)(unit_random(&state) %
			    (round % 2 == 0 ? 4 : 256));
		copy = unit_copy(data, size);
		body = (struct bytes){ copy, size };
		do
			left = body.size;
		while (get_field(field_kinds[unit_random(&state) % 6], &body));
		if (body.size != left ||
		    (const uint8_t *)body.data + body.size != copy + size)
			ck_abort_msg("round %d", round);
		free(copy);
	}
}

static const struct test tests[] = {
	CASE("message", setup, teardown),
	EACH(test_frame, frame_table),
	ONCE(test_frame_layout),
	EACH(test_header, header_table),
	LOOP(test_header_not_zero, 16),
	ONCE(test_frames_back_to_back),
	ONCE(test_begin_after_consume),
	ONCE(test_numbers),
	LOOP(test_field_truncated, sizeof(field_kinds) - 1),
	EACH(test_name, name_sizes),
	EACH(test_value, value_sizes),
	ONCE(test_empty_without_data),
	EACH(test_value_claims_more, claim_table),
	ONCE(test_name_claims_more),
	ONCE(test_body_truncated),
	EACH(test_request_max, value_max_table),
	ONCE(test_out_of_memory),
	ONCE(test_random_bodies),
};

SUITE("message", tests)
