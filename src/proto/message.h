/*
 * Messages between worker and registry, version MESSAGE_VERSION.
 *
 * Both ends are installed together, run on one machine and speak host byte
 * order.  A frame is a header and a body:
 *
 *	u32 size	of the whole frame, in bytes
 *	u16 type	enum message_type
 *	u16 zero
 *	u64 sequence	chosen by the worker, ascending within a
 *			session; a reply carries its request's
 *
 * In a body, a name (bucket, key) is a u8 size and that many bytes, a value
 * is a u32 size and that many bytes.
 *
 * A worker's first message on each connection is HELLO.  Of the others each
 * is a call: it gets exactly one REPLY (LIST: PAGE), in order.  A worker that lost its
 * registry connects again, says HELLO with the same session, and repeats
 * what was not answered under the same sequence numbers.
 */

#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

#define MESSAGE_VERSION 4
#define MESSAGE_HEADER_SIZE 16
/* Buckets that a client may have subscribed to: HELLO names them all. */
#define MESSAGE_SUBSCRIPTIONS_MAX 256

enum message_type {
	/* worker -> registry */
	MESSAGE_HELLO = 1, /* u16 version, u64 session, u64 revision of the last
			    * commit whose events it was told; then names of
			    * the buckets that it has subscribed to */
	MESSAGE_PING, /* nothing */
	MESSAGE_CREATE, /* bucket */
	MESSAGE_PUT, /* bucket, key, value */
	MESSAGE_GET, /* bucket, key */
	MESSAGE_DELETE, /* bucket, key */
	MESSAGE_EXISTS, /* bucket, key */
	MESSAGE_INCR, /* bucket, key, u64 what to add, as int64_t */
	MESSAGE_PUT_EX, /* bucket, key, value, u64 seconds */
	MESSAGE_DROP, /* bucket */
	MESSAGE_ADD, /* bucket, key, value */
	MESSAGE_CAS, /* bucket, key, old value, value */
	MESSAGE_EXPIRE, /* bucket, key, u64 seconds */
	MESSAGE_PERSIST, /* bucket, key */
	MESSAGE_TTL, /* bucket, key */
	MESSAGE_COUNT, /* bucket */
	MESSAGE_STATS, /* nothing */
	MESSAGE_TRANSACTION, /* frames of requests, up to
			      * MESSAGE_TRANSACTION_REQUESTS */
	MESSAGE_LIST, /* u8 list_kind, u64 revision (0: of the last commit), u64
		       * most lines, bucket (empty for LIST_BUCKETS), and as
		       * names: prefix, after (each may be empty).  The reply
		       * is a PAGE */
	MESSAGE_SUBSCRIBE, /* bucket */
	MESSAGE_UNSUBSCRIBE, /* bucket */
	MESSAGE_REQUEST_END, /* one past the last request */

	/* registry -> worker */
	MESSAGE_REPLY = 128, /* u8 status, then lines to the end, each: u16
			      * number of words, and that many values; or,
			      * in the reply to a transaction, u16
			      * MESSAGE_STATUS_LINE, u8 status */
	MESSAGE_PAGE, /* u64 revision, u8 status, u8 is there more, then data
		       * lines as in REPLY: that many at most as fit a page */
	MESSAGE_EVENT, /* u8 event_kind, and what that has.  Comes unasked,
			* between replies; the sequence is the revision of
			* the commit in COMMIT, MISSED and LAGGED, else 0 */
};

enum list_kind {
	LIST_BUCKETS,
	LIST_KEYS,
	LIST_ENTRIES,
	LIST_KINDS
};

enum event_kind {
	EVENT_SET, /* key as a name, value */
	EVENT_DELETED, /* key as a name */
	EVENT_DROPPED, /* bucket: the subscription has ended */
	EVENT_COMMIT, /* nothing: all events of this commit were told */
	EVENT_MISSED, /* nothing: others may have happened before this one */
	EVENT_LAGGED, /* nothing: too slow; no more will come */
};

#define MESSAGE_STATUS_LINE UINT16_MAX
/* So that a transaction holds up others no longer than a turn does. */
#define MESSAGE_TRANSACTION_REQUESTS 1000
/* The longest time to live, in seconds: 317 years. */
#define MESSAGE_SECONDS_MAX INT64_C(10000000000)

/* How a request ended; format_status() says it in words. */
enum status {
	STATUS_OK = 0,
	STATUS_NOT_FOUND,
	STATUS_UNKNOWN_COMMAND,
	STATUS_CONFLICT,
	STATUS_QUEUED,
	/* errors */
	STATUS_BAD_ESCAPE,
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
	STATUS_END /* one past the last */
};

struct message {
	uint16_t type;
	uint64_t sequence;
	struct bytes body; /* points into the data given to message_get */
	size_t frame_size;
};

/* Frame size of the largest request, for values of up to `value_max`. */
size_t message_request_max(size_t value_max);
/* The frames of a transaction's requests together: any one has room. */
size_t message_transaction_max(size_t value_max);

/*
 * Reads the frame at the start of `data`.  Returns 1 and fills *m when it is
 * whole, 0 when more bytes are needed, -1 when it is malformed or larger
 * than `frame_max`.
 */
int message_get(const void *data, size_t size, size_t frame_max,
    struct message *m);

/*
 * Fields of a body, in order.  Each returns false, and leaves the body as
 * it was, when the body is too short.
 */
bool message_get_u8(struct bytes *body, uint8_t *);
bool message_get_u16(struct bytes *body, uint16_t *);
bool message_get_u32(struct bytes *body, uint32_t *);
bool message_get_u64(struct bytes *body, uint64_t *);
bool message_get_name(struct bytes *body, struct bytes *name);
bool message_get_value(struct bytes *body, struct bytes *value);

/*
 * Appends a frame: begin, the fields, end.  begin returns the position that
 * end wants.  Failure is the buffer's (buf_failed).
 */
size_t message_begin(struct buf *, enum message_type, uint64_t sequence);
void message_end(struct buf *, size_t position);
void message_put_u8(struct buf *, uint8_t);
void message_put_u16(struct buf *, uint16_t);
void message_put_u32(struct buf *, uint32_t);
void message_put_u64(struct buf *, uint64_t);
/* The name has at most 255 bytes, the value at most UINT32_MAX. */
void message_put_name(struct buf *, struct bytes name);
void message_put_value(struct buf *, struct bytes value);
/* A status line amid the lines of a reply. */
void message_put_status_line(struct buf *, enum status);

#endif
