/*
 * Messages between worker and registry, version MESSAGE_VERSION.
 *
 * Both ends are installed together and run on one machine, so numbers are in
 * host byte order.  A frame is a header and a body:
 *
 *	u32 size	of the whole frame, in bytes
 *	u16 type	enum message_type
 *	u16 zero
 *	u64 sequence	of a request: chosen by the worker, greater than all
 *			before in its session; of a reply: that of its request
 *
 * In a body, a name (bucket, key) is a u8 size and that many bytes, a value
 * is a u32 size and that many bytes.  proto/schema.h has the fields of each
 * message.
 *
 * A worker's first message on each connection is HELLO.  All others are
 * requests.  Each is answered by exactly one REPLY, in the same order; LIST by
 * PAGE, SUBSCRIBE and SUBSCRIBE_SINCE by SUBSCRIBED.  A worker whose registry has
 * died connects to the next one, sends HELLO with the same session, and repeats
 * what was not answered with the same sequence numbers.
 */

#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "common/bytes.h"

#define MESSAGE_VERSION 6
#define MESSAGE_HEADER_SIZE 16
/* Most buckets that a client can subscribe to.  HELLO names them all. */
#define MESSAGE_SUBSCRIPTIONS_MAX 256

/* The fields of each are in the table of proto/schema.c. */
enum message_type {
	/* worker -> registry */
	MESSAGE_HELLO = 1,
	MESSAGE_PING,
	MESSAGE_CREATE,
	MESSAGE_PUT,
	MESSAGE_GET,
	MESSAGE_DELETE,
	MESSAGE_EXISTS,
	MESSAGE_INCR,
	MESSAGE_PUT_EX,
	MESSAGE_DROP,
	MESSAGE_ADD,
	MESSAGE_CAS,
	MESSAGE_EXPIRE,
	MESSAGE_PERSIST,
	MESSAGE_TTL,
	MESSAGE_COUNT,
	MESSAGE_STATS,
	MESSAGE_TRANSACTION, /* up to MESSAGE_TRANSACTION_REQUESTS */
	MESSAGE_LIST,
	MESSAGE_SUBSCRIBE,
	MESSAGE_UNSUBSCRIBE,
	MESSAGE_ADD_EX,
	MESSAGE_INCR_EX,
	MESSAGE_DELETE_IF,
	MESSAGE_GET_KEYS,
	MESSAGE_TAKE,
	MESSAGE_POP,
	MESSAGE_CLEAR,
	MESSAGE_SUBSCRIBE_SINCE,
	MESSAGE_REQUEST_END, /* one past the last request */

	/* registry -> worker */
	MESSAGE_REPLY = 128,
	MESSAGE_PAGE,
	MESSAGE_EVENT, /* sent between replies, without being asked for */
	MESSAGE_SUBSCRIBED, /* the reply to SUBSCRIBE and SUBSCRIBE_SINCE */
	MESSAGE_END /* one past the last */
};

/* Most requests of a transaction, so that it does not hold up others for
 * longer than a turn of the registry does.  Each key of a GET_KEYS counts as a
 * request. */
#define MESSAGE_TRANSACTION_REQUESTS 1000
/* Most keys of a GET_KEYS, for the same reason. */
#define MESSAGE_KEYS_MAX MESSAGE_TRANSACTION_REQUESTS
/* Most entries that a CLEAR removes, or all those of a transaction together. */
#define MESSAGE_CLEAR_MAX 10000
/* The longest time to live, in seconds: 317 years. */
#define MESSAGE_SECONDS_MAX INT64_C(10000000000)
#define MESSAGE_TIME_MAX_MS (MESSAGE_SECONDS_MAX * 1000)

/* How a request ended.  format_status() has the text of each. */
enum status {
	STATUS_OK = 0,
	STATUS_NOT_FOUND,
	STATUS_UNKNOWN_COMMAND,
	STATUS_CONFLICT,
	STATUS_QUEUED,
	/* errors */
	STATUS_ERRORS,
	STATUS_BAD_ESCAPE = STATUS_ERRORS,
	STATUS_UNBALANCED_QUOTES,
	STATUS_TOO_MANY_WORDS,
	STATUS_LINE_TOO_LONG,
	STATUS_UNTERMINATED_LINE,
	STATUS_BUCKET_EMPTY,
	STATUS_BUCKET_TOO_LONG,
	STATUS_KEY_EMPTY,
	STATUS_KEY_TOO_LONG,
	STATUS_VALUE_TOO_LONG,
	STATUS_NOT_A_NUMBER,
	STATUS_OUT_OF_RANGE,
	STATUS_VALUE_NOT_A_NUMBER,
	STATUS_OVERFLOW,
	STATUS_NO_TRANSACTION,
	STATUS_IN_TRANSACTION,
	STATUS_CANNOT_BE_QUEUED,
	STATUS_TRANSACTION_TOO_LARGE,
	STATUS_TOO_MANY_LISTINGS,
	STATUS_SNAPSHOT_LOST,
	STATUS_TOO_MANY_SUBSCRIPTIONS,
	STATUS_LAGGED,
	STATUS_STORAGE_FULL,
	STATUS_DATA_DAMAGED,
	STATUS_REGISTRY_UNAVAILABLE,
	STATUS_IDLE_TIMEOUT,
	STATUS_SHUTTING_DOWN,
	STATUS_DISCONNECTED,
	STATUS_TOO_MANY_KEYS,
	STATUS_REPLY_TOO_LARGE,
	STATUS_END /* one past the last */
};

/* What a LIST asks for. */
enum list_kind {
	LIST_BUCKETS,
	LIST_KEYS,
	LIST_ENTRIES,
	LIST_SIZES, /* for kvctl: of each page's entries one line, with the last
		     * key, their number, and the bytes of keys and values */
	LIST_KINDS /* the number of kinds */
};

/* What an EVENT tells, and the fields that it has.  Its sequence is the
 * revision of its commit. */
enum event_kind {
	EVENT_SET, /* change, key, value */
	EVENT_DELETED, /* change, key */
	EVENT_DROPPED, /* change, bucket: the subscription has ended */
	EVENT_COMMIT, /* no field: all events of this commit were sent */
	EVENT_MISSED, /* no field: events before this one may be missing */
	EVENT_REPLACED, /* change: an earlier bucket of this name was dropped, of
			 * which the client may still know entries */
	EVENT_LAGGED, /* no field: the subscriber is too slow; this is the last
		       * event */
	EVENT_KINDS /* the number of kinds */
};

struct message {
	uint16_t type;
	uint64_t sequence;
	struct bytes body; /* points into the data given to message_get */
	size_t frame_size;
};

/* Most bytes of a frame, if values have up to `value_max` bytes. */
size_t message_request_max(size_t value_max);
/* Most bytes of all requests of a transaction.  Any single one fits. */
size_t message_transaction_max(size_t value_max);

/* Reads the header of the frame at the beginning of `data`; the body may not be
 * there yet.  False: nor is the header. */
bool message_get_header(struct bytes data, struct message *m);
/*
 * Reads the frame at the beginning of `data`.  Returns 1 and sets *m if it is
 * complete, 0 if more bytes are needed, -1 if it is malformed or larger than
 * `frame_max`.
 */
int message_get(const void *data, size_t size, size_t frame_max,
    struct message *m);

/*
 * Each of these reads the first field of a body and removes it from there.  If
 * the body is too short it returns false and leaves the body as it was.  They
 * are inline because several are called for each request.
 */
static inline bool
message_take(struct bytes *body, void *to, size_t size)
{
	if (body->size < size)
		return false;
	memcpy(to, body->data, size);
	body->data = (const uint8_t *)body->data + size;
	body->size -= size;
	return true;
}

static inline bool
message_get_u8(struct bytes *body, uint8_t *v)
{
	return message_take(body, v, sizeof(*v));
}

static inline bool
message_get_u16(struct bytes *body, uint16_t *v)
{
	return message_take(body, v, sizeof(*v));
}

static inline bool
message_get_u32(struct bytes *body, uint32_t *v)
{
	return message_take(body, v, sizeof(*v));
}

static inline bool
message_get_u64(struct bytes *body, uint64_t *v)
{
	return message_take(body, v, sizeof(*v));
}

/* Reads the bytes of a field whose size was read already; `rest` follows it. */
static inline bool
message_take_bytes(struct bytes *body, struct bytes rest, size_t size,
    struct bytes *to)
{
	if (rest.size < size)
		return false;
	*to = (struct bytes){ rest.data, size };
	body->data = (const uint8_t *)rest.data + size;
	body->size = rest.size - size;
	return true;
}

static inline bool
message_get_name(struct bytes *body, struct bytes *name)
{
	struct bytes rest = *body;
	uint8_t size;

	return message_get_u8(&rest, &size) &&
	    message_take_bytes(body, rest, size, name);
}

static inline bool
message_get_value(struct bytes *body, struct bytes *value)
{
	struct bytes rest = *body;
	uint32_t size;

	return message_get_u32(&rest, &size) &&
	    message_take_bytes(body, rest, size, value);
}

/*
 * To append a frame, call message_begin(), append the fields, and call
 * message_end() with the position that message_begin() has returned.  If there
 * is no memory, buf_failed() is true.
 */
static inline size_t
message_begin(struct buf *b, enum message_type type, uint64_t sequence)
{
	/* message_end() sets the size. */
	uint8_t header[MESSAGE_HEADER_SIZE] = { 0 };
	uint16_t type_u16 = (uint16_t)type;
	size_t position = buf_size(b);

	memcpy(header + 4, &type_u16, sizeof(type_u16));
	memcpy(header + 8, &sequence, sizeof(sequence));
	buf_append(b, header, sizeof(header));
	return position;
}

static inline void
message_end(struct buf *b, size_t position)
{
	uint32_t frame_size = (uint32_t)(buf_size(b) - position);

	if (!buf_failed(b))
		memcpy(buf_data(b) + position, &frame_size, sizeof(frame_size));
}

static inline void
message_put_u8(struct buf *b, uint8_t v)
{
	buf_append(b, &v, sizeof(v));
}

static inline void
message_put_u16(struct buf *b, uint16_t v)
{
	buf_append(b, &v, sizeof(v));
}

static inline void
message_put_u32(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

static inline void
message_put_u64(struct buf *b, uint64_t v)
{
	buf_append(b, &v, sizeof(v));
}

/* The caller makes sure that a name has at most UINT8_MAX bytes, and a value at
 * most UINT32_MAX. */
static inline void
message_put_name(struct buf *b, struct bytes name)
{
	uint8_t *to = buf_reserve(b, 1 + name.size);

	if (to == NULL)
		return;
	*to = (uint8_t)name.size;
	if (name.size > 0) /* or data may be NULL */
		memcpy(to + 1, name.data, name.size);
	buf_commit(b, 1 + name.size);
}

static inline void
message_put_value(struct buf *b, struct bytes value)
{
	message_put_u32(b, (uint32_t)value.size);
	buf_append(b, value.data, value.size);
}

#endif
