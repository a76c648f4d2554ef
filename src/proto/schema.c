/*
 * schema: the table of messages, and how their fields are written and read.
 * Runs in worker and registry.  Reading checks all sizes and bounds, because the
 * registry does not trust a worker.
 *
 * Whoever changes these tables changes what is sent, and so has to raise
 * MESSAGE_VERSION.  tests/unit/check_schema records the messages of this version
 * and fails otherwise.
 */

#include "proto/schema.h"

#define AT(member) offsetof(struct fields, member)

_Static_assert(sizeof(struct fields) <= UINT8_MAX, "offsets are bytes");

static const struct schema_field fields[FIELD_COUNT] = {
	[FIELD_BUCKET] = { "bucket", WIRE_NAME, AT(bucket), 1, UINT8_MAX },
	[FIELD_KEY] = { "key", WIRE_NAME, AT(key), 1, UINT8_MAX },
	[FIELD_VALUE] = { "value", WIRE_VALUE, AT(value), 0, UINT32_MAX },
	[FIELD_OLD] = { "old", WIRE_VALUE, AT(old), 0, UINT32_MAX },
	[FIELD_NUMBER] = { "number", WIRE_U64, AT(number), 0, UINT64_MAX },
	[FIELD_TIME] = { "time", WIRE_U64, AT(time_ms), 1,
	    MESSAGE_TIME_MAX_MS },
	[FIELD_KEYS] = { "keys", WIRE_NAMES, AT(rest), 1, MESSAGE_KEYS_MAX },
	[FIELD_CLEAR_LIMIT] = { "clear-limit", WIRE_U64, AT(limit), 1,
	    MESSAGE_CLEAR_MAX },
	[FIELD_REQUESTS] = { "requests", WIRE_REST, AT(rest), 0, 0 },
	[FIELD_VERSION] = { "version", WIRE_U16, AT(version), 0, UINT16_MAX },
	[FIELD_SESSION] = { "session", WIRE_U64, AT(session), 0, UINT64_MAX },
	[FIELD_SEEN] = { "seen", WIRE_U64, AT(seen), 0, UINT64_MAX },
	[FIELD_TOLD] = { "told", WIRE_U64, AT(told), 0, UINT64_MAX },
	[FIELD_BUCKETS] = { "buckets", WIRE_REST, AT(rest), 0, 0 },
	[FIELD_SINCE] = { "since", WIRE_U64, AT(since), 0, UINT64_MAX },
	[FIELD_ID] = { "id", WIRE_U64, AT(id), 0, UINT64_MAX },
	[FIELD_LIST_KIND] = { "list-kind", WIRE_U8, AT(kind), 0,
	    LIST_KINDS - 1 },
	[FIELD_REVISION] = { "revision", WIRE_U64, AT(revision), 0,
	    UINT64_MAX },
	[FIELD_LIMIT] = { "limit", WIRE_U64, AT(limit), 1, UINT64_MAX },
	[FIELD_LIST_BUCKET] = { "list-bucket", WIRE_NAME, AT(bucket), 0,
	    UINT8_MAX },
	[FIELD_PREFIX] = { "prefix", WIRE_NAME, AT(prefix), 0, UINT8_MAX },
	[FIELD_AFTER] = { "after", WIRE_NAME, AT(after), 0, UINT8_MAX },
	[FIELD_MORE] = { "more", WIRE_U8, AT(more), 0, 1 },
	[FIELD_STATUS] = { "status", WIRE_U8, AT(status), 0, STATUS_END - 1 },
	[FIELD_LINES] = { "lines", WIRE_REST, AT(rest), 0, 0 },
	[FIELD_CHANGE] = { "change", WIRE_U64, AT(change), 0, UINT64_MAX },
	[FIELD_EVENT_KIND] = { "event-kind", WIRE_U8, AT(kind), 0,
	    EVENT_KINDS - 1 },
	[FIELD_EVENT] = { "event", WIRE_REST, AT(rest), 0, 0 },
};

#define QUEUED SCHEMA_QUEUED
#define WRITES SCHEMA_WRITES
#define FREES SCHEMA_FREES
#define VALUES SCHEMA_VALUES

const struct schema schema_messages[MESSAGE_END] = {
	/* worker -> registry */
	[MESSAGE_HELLO] = { "HELLO",
	    { FIELD_VERSION, FIELD_SESSION, FIELD_SEEN, FIELD_TOLD,
		FIELD_BUCKETS },
	    0, SCHEMA_BEFORE_HELLO },
	[MESSAGE_PING] = { "PING", { FIELD_END }, MESSAGE_REPLY, 0 },
	[MESSAGE_CREATE] = { "CREATE", { FIELD_BUCKET }, MESSAGE_REPLY,
	    QUEUED | WRITES },
	[MESSAGE_PUT] = { "PUT", { FIELD_BUCKET, FIELD_KEY, FIELD_VALUE },
	    MESSAGE_REPLY, QUEUED | WRITES },
	[MESSAGE_GET] = { "GET", { FIELD_BUCKET, FIELD_KEY }, MESSAGE_REPLY,
	    QUEUED | VALUES },
	[MESSAGE_DELETE] = { "DELETE", { FIELD_BUCKET, FIELD_KEY },
	    MESSAGE_REPLY, QUEUED | WRITES | FREES },
	[MESSAGE_EXISTS] = { "EXISTS", { FIELD_BUCKET, FIELD_KEY },
	    MESSAGE_REPLY, QUEUED },
	[MESSAGE_INCR] = { "INCR", { FIELD_BUCKET, FIELD_KEY, FIELD_NUMBER },
	    MESSAGE_REPLY, QUEUED | WRITES },
	[MESSAGE_PUT_EX] = { "PUT_EX",
	    { FIELD_BUCKET, FIELD_KEY, FIELD_VALUE, FIELD_TIME }, MESSAGE_REPLY,
	    QUEUED | WRITES },
	[MESSAGE_DROP] = { "DROP", { FIELD_BUCKET }, MESSAGE_REPLY,
	    QUEUED | WRITES | FREES },
	[MESSAGE_ADD] = { "ADD", { FIELD_BUCKET, FIELD_KEY, FIELD_VALUE },
	    MESSAGE_REPLY, QUEUED | WRITES },
	[MESSAGE_CAS] = { "CAS",
	    { FIELD_BUCKET, FIELD_KEY, FIELD_OLD, FIELD_VALUE }, MESSAGE_REPLY,
	    QUEUED | WRITES },
	[MESSAGE_EXPIRE] = { "EXPIRE", { FIELD_BUCKET, FIELD_KEY, FIELD_TIME },
	    MESSAGE_REPLY, QUEUED | WRITES },
	[MESSAGE_PERSIST] = { "PERSIST", { FIELD_BUCKET, FIELD_KEY },
	    MESSAGE_REPLY, QUEUED | WRITES },
	[MESSAGE_TTL] = { "TTL", { FIELD_BUCKET, FIELD_KEY }, MESSAGE_REPLY,
	    QUEUED },
	[MESSAGE_COUNT] = { "COUNT", { FIELD_BUCKET }, MESSAGE_REPLY, QUEUED },
	[MESSAGE_STATS] = { "STATS", { FIELD_END }, MESSAGE_REPLY, 0 },
	[MESSAGE_TRANSACTION] = { "TRANSACTION", { FIELD_REQUESTS },
	    MESSAGE_REPLY, WRITES },
	[MESSAGE_LIST] = { "LIST",
	    { FIELD_LIST_KIND, FIELD_REVISION, FIELD_LIMIT, FIELD_LIST_BUCKET,
		FIELD_PREFIX, FIELD_AFTER },
	    MESSAGE_PAGE, 0 },
	[MESSAGE_SUBSCRIBE] = { "SUBSCRIBE", { FIELD_BUCKET, FIELD_PREFIX },
	    MESSAGE_SUBSCRIBED, 0 },
	[MESSAGE_UNSUBSCRIBE] = { "UNSUBSCRIBE", { FIELD_BUCKET },
	    MESSAGE_REPLY, 0 },
	[MESSAGE_ADD_EX] = { "ADD_EX",
	    { FIELD_BUCKET, FIELD_KEY, FIELD_VALUE, FIELD_TIME }, MESSAGE_REPLY,
	    QUEUED | WRITES },
	[MESSAGE_INCR_EX] = { "INCR_EX",
	    { FIELD_BUCKET, FIELD_KEY, FIELD_NUMBER, FIELD_TIME },
	    MESSAGE_REPLY, QUEUED | WRITES },
	[MESSAGE_DELETE_IF] = { "DELETE_IF",
	    { FIELD_BUCKET, FIELD_KEY, FIELD_OLD }, MESSAGE_REPLY,
	    QUEUED | WRITES | FREES },
	[MESSAGE_GET_KEYS] = { "GET_KEYS", { FIELD_BUCKET, FIELD_KEYS },
	    MESSAGE_REPLY, QUEUED | VALUES },
	[MESSAGE_TAKE] = { "TAKE", { FIELD_BUCKET, FIELD_KEY }, MESSAGE_REPLY,
	    QUEUED | WRITES | FREES | VALUES },
	[MESSAGE_POP] = { "POP", { FIELD_BUCKET, FIELD_PREFIX }, MESSAGE_REPLY,
	    QUEUED | WRITES | FREES | VALUES },
	[MESSAGE_CLEAR] = { "CLEAR",
	    { FIELD_BUCKET, FIELD_PREFIX, FIELD_CLEAR_LIMIT }, MESSAGE_REPLY,
	    QUEUED | WRITES | FREES },
	[MESSAGE_SUBSCRIBE_SINCE] = { "SUBSCRIBE_SINCE",
	    { FIELD_BUCKET, FIELD_PREFIX, FIELD_SINCE }, MESSAGE_SUBSCRIBED,
	    0 },

	/* registry -> worker */
	[MESSAGE_REPLY] = { "REPLY", { FIELD_STATUS, FIELD_LINES }, 0, 0 },
	[MESSAGE_PAGE] = { "PAGE",
	    { FIELD_REVISION, FIELD_STATUS, FIELD_MORE, FIELD_LINES }, 0, 0 },
	[MESSAGE_EVENT] = { "EVENT", { FIELD_EVENT_KIND, FIELD_EVENT }, 0, 0 },
	[MESSAGE_SUBSCRIBED] = { "SUBSCRIBED",
	    { FIELD_STATUS, FIELD_REVISION, FIELD_ID }, 0, 0 },
};

static const struct schema events[EVENT_KINDS] = {
	[EVENT_SET] = { "SET", { FIELD_CHANGE, FIELD_KEY, FIELD_VALUE }, 0, 0 },
	[EVENT_DELETED] = { "DELETED", { FIELD_CHANGE, FIELD_KEY }, 0, 0 },
	[EVENT_DROPPED] = { "DROPPED", { FIELD_CHANGE, FIELD_BUCKET }, 0, 0 },
	[EVENT_COMMIT] = { "COMMIT", { FIELD_END }, 0, 0 },
	[EVENT_MISSED] = { "MISSED", { FIELD_END }, 0, 0 },
	[EVENT_REPLACED] = { "REPLACED", { FIELD_CHANGE }, 0, 0 },
	[EVENT_LAGGED] = { "LAGGED", { FIELD_END }, 0, 0 },
};

const struct schema *
schema_event(uint8_t kind)
{
	return kind < EVENT_KINDS ? &events[kind] : NULL;
}

const struct schema_field *
schema_field(enum field field)
{
	return &fields[field];
}

static bool
is_within(const struct schema_field *field, uint64_t number)
{
	return number >= field->min && number <= field->max;
}

/* Are these names of 1 to 255 bytes, and as many as the field may have? */
static bool
are_names(const struct schema_field *field, struct bytes names)
{
	struct bytes name;
	uint64_t n = 0;

	for (; message_get_name(&names, &name); n++)
		if (name.size == 0)
			return false;
	return names.size == 0 && is_within(field, n);
}

static bool
get_bytes(const struct schema_field *field, struct bytes *body,
    size_t value_max, struct bytes *to)
{
	switch (field->wire) {
	case WIRE_NAME:
		return message_get_name(body, to) && is_within(field, to->size);
	case WIRE_VALUE:
		return message_get_value(body, to) && to->size <= value_max;
	default: /* WIRE_NAMES or WIRE_REST */
		*to = *body;
		body->size = 0;
		return field->wire == WIRE_REST || are_names(field, *to);
	}
}

static bool
get_field(const struct schema_field *field, struct bytes *body,
    size_t value_max, struct fields *f)
{
	void *to = (uint8_t *)f + field->offset;

	switch (field->wire) {
	case WIRE_U8:
		return message_get_u8(body, to) &&
		    is_within(field, *(uint8_t *)to);
	case WIRE_U16:
		return message_get_u16(body, to) &&
		    is_within(field, *(uint16_t *)to);
	case WIRE_U64:
		return message_get_u64(body, to) &&
		    is_within(field, *(uint64_t *)to);
	default:
		return get_bytes(field, body, value_max, to);
	}
}

bool
schema_get(const struct schema *s, struct bytes body, size_t value_max,
    struct fields *f)
{
	const uint8_t *p;

	for (p = s->fields; *p != FIELD_END; p++)
		if (!get_field(&fields[*p], &body, value_max, f))
			return false;
	return body.size == 0;
}

static void
put_field(const struct schema_field *field, struct buf *b,
    const struct fields *f)
{
	const void *from = (const uint8_t *)f + field->offset;

	switch (field->wire) {
	case WIRE_U8:
		message_put_u8(b, *(const uint8_t *)from);
		break;
	case WIRE_U16:
		message_put_u16(b, *(const uint16_t *)from);
		break;
	case WIRE_U64:
		message_put_u64(b, *(const uint64_t *)from);
		break;
	case WIRE_NAME:
		message_put_name(b, *(const struct bytes *)from);
		break;
	case WIRE_VALUE:
		message_put_value(b, *(const struct bytes *)from);
		break;
	default: /* WIRE_NAMES or WIRE_REST */
		buf_append(b, ((const struct bytes *)from)->data,
		    ((const struct bytes *)from)->size);
	}
}

void
schema_put_fields(struct buf *b, const struct schema *s, const struct fields *f)
{
	const uint8_t *p;

	for (p = s->fields; *p != FIELD_END; p++)
		put_field(&fields[*p], b, f);
}

size_t
schema_begin(struct buf *b, enum message_type type, uint64_t sequence,
    const struct fields *f)
{
	size_t position = message_begin(b, type, sequence);

	schema_put_fields(b, &schema_messages[type], f);
	return position;
}

void
schema_put(struct buf *b, enum message_type type, uint64_t sequence,
    const struct fields *f)
{
	message_end(b, schema_begin(b, type, sequence, f));
}
