/*
 * check_subscriptions: these tests check subscriptions and events in a worker
 * (worker/subscriptions).
 */

#include "unit.h"

#include "proto/event.h"
#include "proto/hello.h"
#include "worker/subscriptions.h"

#define B(text) UNIT_BYTES(text)

static struct subscriptions subscriptions;
static struct buf b, out;

static void
setup(void)
{
	memset(&subscriptions, 0, sizeof(subscriptions));
	buf_init(&b);
	buf_init(&out);
}

static void
teardown(void)
{
	subscriptions_clear(&subscriptions);
	buf_clear(&b);
	buf_clear(&out);
}

/* The number of a bucket, which its name gives. */
static uint64_t
id_of(struct bytes name)
{
	return name.size * 1000 + *(const uint8_t *)name.data;
}

static void
subscribe(struct bytes name)
{
	struct hello_bucket bucket = { .name = name,
		.id = id_of(name),
		.after = 5 };

	subscriptions_add(&subscriptions, &bucket, 5);
	ck_assert_uint_eq(subscriptions.seen, 5);
	ck_assert_uint_eq(subscriptions.told, 0);
}

/* This compares the buckets with these names, as HELLO had them without
 * numbers. */
static void
assert_buckets(struct bytes want)
{
	struct bytes rest = buf_bytes(&subscriptions.buckets), name;
	struct hello_bucket bucket;

	while (message_get_name(&want, &name)) {
		ck_assert(hello_next_bucket(&rest, &bucket));
		unit_assert_bytes(bucket.name, name);
		ck_assert_uint_eq(bucket.id, id_of(name));
	}
	ck_assert_uint_eq(rest.size, 0);
	ck_assert_int_eq(subscriptions_exist(&subscriptions),
	    buf_size(&subscriptions.buckets) > 0);
}

TEST(test_none)
{
	ck_assert(!subscriptions_exist(&subscriptions));
	subscriptions_remove(&subscriptions, bytes_from_text("a"));
	ck_assert(!subscriptions_exist(&subscriptions));
	subscriptions_clear(&subscriptions);
	ck_assert(!subscriptions_exist(&subscriptions));
}

TEST(test_add)
{
	subscribe(bytes_from_text("a"));
	assert_buckets(bytes_from_text("\1a"));
	subscribe(bytes_from_text("bcd"));
	assert_buckets(bytes_from_text("\1a\3bcd"));
	/* The second subscription to a bucket replaces the first. */
	subscribe(bytes_from_text("a"));
	assert_buckets(bytes_from_text("\3bcd\1a"));
	subscribe(bytes_from_text("bcd"));
	assert_buckets(bytes_from_text("\1a\3bcd"));
	/* These names are similar. */
	subscribe(bytes_from_text("bc"));
	subscribe(bytes_from_text("bcde"));
	assert_buckets(bytes_from_text("\1a\3bcd\2bc\4bcde"));
}

static const struct {
	const char *name, *left;
} remove_table[] = {
	{ "a", "\3bcd\2ef\1g" },
	{ "bcd", "\1a\2ef\1g" },
	{ "ef", "\1a\3bcd\1g" },
	{ "g", "\1a\3bcd\2ef" },
	{ "b", "\1a\3bcd\2ef\1g" },
	{ "bc", "\1a\3bcd\2ef\1g" },
	{ "cd", "\1a\3bcd\2ef\1g" },
	{ "bcd\2ef", "\1a\3bcd\2ef\1g" },
	{ "\3bcd", "\1a\3bcd\2ef\1g" },
};

TEST(test_remove)
{
	subscribe(bytes_from_text("a"));
	subscribe(bytes_from_text("bcd"));
	subscribe(bytes_from_text("ef"));
	subscribe(bytes_from_text("g"));
	subscriptions_remove(&subscriptions,
	    bytes_from_text(remove_table[_i].name));
	assert_buckets(bytes_from_text(remove_table[_i].left));
	/* The name is not there any more. */
	subscriptions_remove(&subscriptions,
	    bytes_from_text(remove_table[_i].name));
	assert_buckets(bytes_from_text(remove_table[_i].left));
	subscribe(bytes_from_text(remove_table[_i].name));
	ck_assert(subscriptions_exist(&subscriptions));
}

/* The names have all sizes and bytes, and there are as many as allowed. */
TEST(test_many)
{
	uint8_t names[MESSAGE_SUBSCRIPTIONS_MAX][UINT8_MAX];
	struct hello_bucket bucket;
	struct bytes rest;
	size_t i;

	memset(names, 0, sizeof(names));
	for (i = 0; i < MESSAGE_SUBSCRIPTIONS_MAX; i++) {
		names[i][0] = (uint8_t)i;
		subscribe((struct bytes){ names[i], i == 0 ? 1 : i });
	}
	rest = buf_bytes(&subscriptions.buckets);
	for (i = 0; i < MESSAGE_SUBSCRIPTIONS_MAX; i++) {
		ck_assert(hello_next_bucket(&rest, &bucket));
		unit_assert_bytes(bucket.name,
		    ((struct bytes){ names[i], i == 0 ? 1 : i }));
	}
	ck_assert_uint_eq(rest.size, 0);
	for (i = MESSAGE_SUBSCRIPTIONS_MAX; i-- > 0;) {
		ck_assert(subscriptions_exist(&subscriptions));
		subscriptions_remove(&subscriptions,
		    (struct bytes){ names[i], i == 0 ? 1 : i });
	}
	ck_assert(!subscriptions_exist(&subscriptions));
}

#define CHANGE 9

/* This begins the body of an event in `b`. */
static void
event_begin(enum event_kind kind)
{
	buf_truncate(&b, 0);
	message_put_u8(&b, (uint8_t)kind);
	if (kind <= EVENT_DROPPED || kind == EVENT_REPLACED)
		message_put_u64(&b, CHANGE);
}

/* This uses only the first `size` bytes of the body. */
static enum subscriptions_result
format_part(uint64_t revision, size_t size)
{
	uint8_t *copy = unit_copy(buf_data(&b), size);
	struct message m = { .type = MESSAGE_EVENT,
		.sequence = revision,
		.body = { copy, size } };
	enum subscriptions_result result;

	buf_truncate(&out, 0);
	result = subscriptions_format(&subscriptions, &m, &out);
	free(copy);
	return result;
}

static enum subscriptions_result
format(uint64_t revision)
{
	return format_part(revision, buf_size(&b));
}

static const struct {
	struct bytes key, value;
	const char *set, *deleted;
} line_table[] = {
	{ B("k"), B("v"), "k SET TO v\r\n", "k DELETED\r\n" },
	{ B("k"), B(""), "k SET TO \"\"\r\n", "k DELETED\r\n" },
	{ B("a b"), B("c\nd"), "\"a b\" SET TO \"c\\nd\"\r\n",
	    "\"a b\" DELETED\r\n" },
	{ B("\0"), B("\xff"), "\"\\x00\" SET TO \"\\xff\"\r\n",
	    "\"\\x00\" DELETED\r\n" },
	{ B("ERROR"), B("v"), "\"ERROR\" \"SET\" \"TO\" \"v\"\r\n",
	    "\"ERROR\" \"DELETED\"\r\n" },
	{ B("OK"), B("OK"), "OK SET TO OK\r\n", "OK DELETED\r\n" },
	{ B("NOT"), B("FOUND"), "NOT SET TO FOUND\r\n", "NOT DELETED\r\n" },
};

TEST(test_set)
{
	event_begin(EVENT_SET);
	message_put_name(&b, line_table[_i].key);
	message_put_value(&b, line_table[_i].value);
	subscriptions.seen = 3;
	ck_assert_int_eq(format(3), SUBSCRIPTIONS_OK);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text(line_table[_i].set));
	/* It follows MISSED, which stood for all of this commit. */
	ck_assert_uint_eq(subscriptions.seen, 3);
	ck_assert_uint_eq(subscriptions.told, 0);
	/* The client was not told everything about this commit. */
	ck_assert_int_eq(format(8), SUBSCRIPTIONS_OK);
	ck_assert_uint_eq(subscriptions.seen, 7);
	ck_assert_uint_eq(subscriptions.told, CHANGE);
}

TEST(test_deleted)
{
	event_begin(EVENT_DELETED);
	message_put_name(&b, line_table[_i].key);
	subscriptions.seen = 3;
	ck_assert_int_eq(format(4), SUBSCRIPTIONS_OK);
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text(line_table[_i].deleted));
	ck_assert_uint_eq(subscriptions.seen, 3);
	ck_assert_uint_eq(subscriptions.told, CHANGE);
}

TEST(test_dropped)
{
	subscribe(bytes_from_text("a"));
	subscribe(bytes_from_text("b"));
	event_begin(EVENT_DROPPED);
	message_put_name(&b, bytes_from_text("a"));
	ck_assert_int_eq(format(0), SUBSCRIPTIONS_OK);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text("DROPPED\r\n"));
	assert_buckets(bytes_from_text("\1b"));
}

TEST(test_commit)
{
	event_begin(EVENT_COMMIT);
	subscriptions.told = 1;
	ck_assert_int_eq(format(UINT64_MAX), SUBSCRIPTIONS_OK);
	ck_assert_uint_eq(buf_size(&out), 0);
	ck_assert_uint_eq(subscriptions.seen, UINT64_MAX);
	ck_assert_uint_eq(subscriptions.told, 0);
	event_begin(EVENT_MISSED);
	subscriptions.told = 1;
	ck_assert_int_eq(format(7), SUBSCRIPTIONS_OK);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text("MISSED\r\n"));
	ck_assert_uint_eq(subscriptions.seen, 7);
	ck_assert_uint_eq(subscriptions.told, 0);
}

/* This subscribes from an earlier revision on, when the last one is 50. */
static void
subscribe_since(const char *name, const char *prefix, uint64_t after)
{
	struct hello_bucket bucket = { .name = bytes_from_text(name),
		.id = 1,
		.prefix = bytes_from_text(prefix),
		.after = after,
		.tells_revision = true };

	subscriptions_add(&subscriptions, &bucket, 50);
	ck_assert_uint_eq(subscriptions.seen, after);
	ck_assert_uint_eq(subscriptions.told, 0);
}

static void
expect_after(struct bytes *rest, const char *name, uint64_t after)
{
	struct hello_bucket bucket;

	ck_assert(hello_next_bucket(rest, &bucket));
	unit_assert_bytes(bucket.name, bytes_from_text(name));
	ck_assert_uint_eq(bucket.after, after);
}

/* What the client was told of the other buckets is not told again when it is
 * told what came earlier in one. */
TEST(test_since)
{
	struct bytes rest;

	subscribe(bytes_from_text("a"));
	subscribe_since("b", "p", 7);
	rest = buf_bytes(&subscriptions.buckets);
	expect_after(&rest, "a", 50);
	expect_after(&rest, "b", 7);
	subscribe_since("c", "", 9);
	rest = buf_bytes(&subscriptions.buckets);
	expect_after(&rest, "a", 50);
	expect_after(&rest, "b", 50);
	expect_after(&rest, "c", 9);
}

static void
expect_event(enum event_kind kind, uint64_t revision, const char *want)
{
	event_begin(kind);
	ck_assert_int_eq(format(revision), SUBSCRIPTIONS_OK);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text(want));
}

/* Each revision is told once, in ascending order, as long as there is a
 * subscription with SINCE. */
TEST(test_revisions)
{
	subscribe(bytes_from_text("a"));
	expect_event(EVENT_COMMIT, 7, "");
	subscribe_since("b", "", 8);
	expect_event(EVENT_COMMIT, 9, "AT 9\r\n");
	expect_event(EVENT_COMMIT, 9, "");
	expect_event(EVENT_MISSED, 12, "MISSED\r\nAT 12\r\n");
	expect_event(EVENT_COMMIT, 12, "");
	expect_event(EVENT_REPLACED, 14, "MISSED\r\n");
	ck_assert_uint_eq(subscriptions.seen, 13);
	ck_assert_uint_eq(subscriptions.told, CHANGE);
	expect_event(EVENT_COMMIT, 14, "AT 14\r\n");
	/* An earlier one, because the client has asked for it. */
	subscribe_since("c", "", 3);
	expect_event(EVENT_COMMIT, 4, "AT 4\r\n");
	subscriptions_remove(&subscriptions, bytes_from_text("b"));
	expect_event(EVENT_COMMIT, 5, "AT 5\r\n");
	subscribe(bytes_from_text("c"));
	expect_event(EVENT_COMMIT, 6, "");
}

TEST(test_lagged)
{
	subscriptions.seen = 3;
	event_begin(EVENT_LAGGED);
	ck_assert_int_eq(format(7), SUBSCRIPTIONS_LAGGED);
	ck_assert_uint_eq(buf_size(&out), 0);
	ck_assert_uint_eq(subscriptions.seen, 3);
}

TEST(test_kinds)
{
	int kind;

	for (kind = 0; kind < 256; kind++) {
		event_begin((enum event_kind)kind);
		switch (kind) {
		case EVENT_COMMIT:
		case EVENT_MISSED:
		case EVENT_REPLACED:
			ck_assert_int_eq(format(0), SUBSCRIPTIONS_OK);
			break;
		case EVENT_LAGGED:
			ck_assert_int_eq(format(0), SUBSCRIPTIONS_LAGGED);
			break;
		default:
			ck_assert_int_eq(format(0), SUBSCRIPTIONS_MALFORMED);
		}
	}
}

/* A truncated event is malformed, and no part of a line is appended. */
TEST(test_truncated)
{
	static const enum event_kind kinds[] = { EVENT_SET, EVENT_DELETED,
		EVENT_DROPPED };
	enum event_kind kind = kinds[_i];
	size_t size;

	subscribe(bytes_from_text("key"));
	event_begin(kind);
	message_put_name(&b, bytes_from_text("key"));
	if (kind == EVENT_SET)
		message_put_value(&b, bytes_from_text("value"));
	for (size = 0; size < buf_size(&b); size++) {
		ck_assert_int_eq(format_part(0, size), SUBSCRIPTIONS_MALFORMED);
		ck_assert_uint_eq(buf_size(&out), 0);
		ck_assert(subscriptions_exist(&subscriptions));
	}
	ck_assert_int_eq(format(0), SUBSCRIPTIONS_OK);
}

static const struct test tests[] = {
	CASE("subscriptions", setup, teardown),
	ONCE(test_none),
	ONCE(test_add),
	EACH(test_remove, remove_table),
	ONCE(test_many),
	EACH(test_set, line_table),
	EACH(test_deleted, line_table),
	ONCE(test_dropped),
	ONCE(test_commit),
	ONCE(test_since),
	ONCE(test_revisions),
	ONCE(test_lagged),
	ONCE(test_kinds),
	LOOP(test_truncated, 3),
};

SUITE("subscriptions", tests)
