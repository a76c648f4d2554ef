/*
 * check_events: subscriptions and events, as a worker has them
 * (worker/events).
 */

#include "unit.h"

#include "proto/event.h"
#include "worker/events.h"

#define B(text) UNIT_BYTES(text)

static struct events events;
static struct buf b, out;

static void
setup(void)
{
	memset(&events, 0, sizeof(events));
	buf_init(&b);
	buf_init(&out);
}

static void
teardown(void)
{
	events_clear(&events);
	buf_clear(&b);
	buf_clear(&out);
}

/* `buckets` as one text: names as in HELLO. */
static void
assert_buckets(struct bytes want)
{
	unit_assert_bytes(unit_bytes(&events.buckets), want);
	ck_assert_int_eq(events_wanted(&events), want.size > 0);
}

TEST(test_none)
{
	ck_assert(!events_wanted(&events));
	events_remove(&events, unit_text("a"));
	ck_assert(!events_wanted(&events));
	events_clear(&events);
	ck_assert(!events_wanted(&events));
}

TEST(test_add)
{
	events_add(&events, unit_text("a"));
	assert_buckets(unit_text("\1a"));
	events_add(&events, unit_text("bcd"));
	assert_buckets(unit_text("\1a\3bcd"));
	/* once is enough */
	events_add(&events, unit_text("a"));
	events_add(&events, unit_text("bcd"));
	assert_buckets(unit_text("\1a\3bcd"));
	/* others that are alike */
	events_add(&events, unit_text("bc"));
	events_add(&events, unit_text("bcde"));
	assert_buckets(unit_text("\1a\3bcd\2bc\4bcde"));
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
	events_add(&events, unit_text("a"));
	events_add(&events, unit_text("bcd"));
	events_add(&events, unit_text("ef"));
	events_add(&events, unit_text("g"));
	events_remove(&events, unit_text(remove_table[_i].name));
	assert_buckets(unit_text(remove_table[_i].left));
	/* There is no more of it. */
	events_remove(&events, unit_text(remove_table[_i].name));
	assert_buckets(unit_text(remove_table[_i].left));
	events_add(&events, unit_text(remove_table[_i].name));
	ck_assert(events_wanted(&events));
}

/* Names of all sizes and bytes, as many as there may be. */
TEST(test_many)
{
	uint8_t names[MESSAGE_SUBSCRIPTIONS_MAX][UINT8_MAX];
	struct bytes rest, name;
	size_t i;

	memset(names, 0, sizeof(names));
	for (i = 0; i < MESSAGE_SUBSCRIPTIONS_MAX; i++) {
		names[i][0] = (uint8_t)i;
		events_add(&events, (struct bytes){ names[i], i == 0 ? 1 : i });
	}
	rest = unit_bytes(&events.buckets);
	for (i = 0; i < MESSAGE_SUBSCRIPTIONS_MAX; i++) {
		ck_assert(message_get_name(&rest, &name));
		unit_assert_bytes(name,
		    ((struct bytes){ names[i], i == 0 ? 1 : i }));
	}
	ck_assert_uint_eq(rest.size, 0);
	for (i = MESSAGE_SUBSCRIPTIONS_MAX; i-- > 0;) {
		ck_assert(events_wanted(&events));
		events_remove(&events,
		    (struct bytes){ names[i], i == 0 ? 1 : i });
	}
	ck_assert(!events_wanted(&events));
}

/* An event's body begins in `b`. */
static void
event_begin(enum event_kind kind)
{
	buf_truncate(&b, 0);
	message_put_u8(&b, (uint8_t)kind);
}

/* With the first `size` bytes of the body. */
static enum events_result
format_part(uint64_t revision, size_t size)
{
	uint8_t *copy = unit_copy(buf_data(&b), size);
	struct message m = { .type = MESSAGE_EVENT,
		.sequence = revision,
		.body = { copy, size } };
	enum events_result result;

	buf_truncate(&out, 0);
	result = events_format(&events, &m, &out);
	free(copy);
	return result;
}

static enum events_result
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
	events.seen = 3;
	ck_assert_int_eq(format(0), EVENTS_OK);
	unit_assert_bytes(unit_bytes(&out), unit_text(line_table[_i].set));
	/* Half a commit has not been seen. */
	ck_assert_uint_eq(events.seen, 3);
}

TEST(test_deleted)
{
	event_begin(EVENT_DELETED);
	message_put_name(&b, line_table[_i].key);
	events.seen = 3;
	ck_assert_int_eq(format(0), EVENTS_OK);
	unit_assert_bytes(unit_bytes(&out), unit_text(line_table[_i].deleted));
	ck_assert_uint_eq(events.seen, 3);
}

TEST(test_dropped)
{
	events_add(&events, unit_text("a"));
	events_add(&events, unit_text("b"));
	event_begin(EVENT_DROPPED);
	message_put_name(&b, unit_text("a"));
	ck_assert_int_eq(format(0), EVENTS_OK);
	unit_assert_bytes(unit_bytes(&out), unit_text("DROPPED\r\n"));
	assert_buckets(unit_text("\1b"));
}

TEST(test_commit)
{
	event_begin(EVENT_COMMIT);
	ck_assert_int_eq(format(UINT64_MAX), EVENTS_OK);
	ck_assert_uint_eq(buf_size(&out), 0);
	ck_assert_uint_eq(events.seen, UINT64_MAX);
	event_begin(EVENT_MISSED);
	ck_assert_int_eq(format(7), EVENTS_OK);
	unit_assert_bytes(unit_bytes(&out), unit_text("MISSED\r\n"));
	ck_assert_uint_eq(events.seen, 7);
}

TEST(test_lagged)
{
	events.seen = 3;
	event_begin(EVENT_LAGGED);
	ck_assert_int_eq(format(7), EVENTS_LAGGED);
	ck_assert_uint_eq(buf_size(&out), 0);
	ck_assert_uint_eq(events.seen, 3);
}

TEST(test_kinds)
{
	int kind;

	for (kind = 0; kind < 256; kind++) {
		event_begin((enum event_kind)kind);
		switch (kind) {
		case EVENT_COMMIT:
		case EVENT_MISSED:
			ck_assert_int_eq(format(0), EVENTS_OK);
			break;
		case EVENT_LAGGED:
			ck_assert_int_eq(format(0), EVENTS_LAGGED);
			break;
		default:
			ck_assert_int_eq(format(0), EVENTS_MALFORMED);
		}
	}
}

/* Cut anywhere: malformed, and no half line of it. */
TEST(test_truncated)
{
	static const enum event_kind kinds[] = { EVENT_SET, EVENT_DELETED,
		EVENT_DROPPED };
	enum event_kind kind = kinds[_i];
	size_t size;

	events_add(&events, unit_text("key"));
	event_begin(kind);
	message_put_name(&b, unit_text("key"));
	if (kind == EVENT_SET)
		message_put_value(&b, unit_text("value"));
	for (size = 0; size < buf_size(&b); size++) {
		ck_assert_int_eq(format_part(0, size), EVENTS_MALFORMED);
		ck_assert_uint_eq(buf_size(&out), 0);
		ck_assert(events_wanted(&events));
	}
	ck_assert_int_eq(format(0), EVENTS_OK);
}

static const struct test tests[] = {
	CASE("events", setup, teardown),
	ONCE(test_none),
	ONCE(test_add),
	EACH(test_remove, remove_table),
	ONCE(test_many),
	EACH(test_set, line_table),
	EACH(test_deleted, line_table),
	ONCE(test_dropped),
	ONCE(test_commit),
	ONCE(test_lagged),
	ONCE(test_kinds),
	LOOP(test_truncated, 3),
};

SUITE("events", tests)
