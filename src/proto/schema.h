/*
 * The table of messages between worker and registry: of each its name, its
 * fields in order, the message that answers it, and flags.  Both ends read and
 * write a message by going through its row, so they agree.  proto/message.h has
 * the frame around the fields.
 *
 * Most messages consist of such fields alone.  Those of which there is more to
 * say have a file each, with both ends: proto/hello.h, proto/answer.h (REPLY),
 * proto/listing.h (LIST and PAGE) and proto/event.h.
 */

#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

enum field {
	FIELD_END, /* no more fields */
	/* of requests */
	FIELD_BUCKET,
	FIELD_KEY,
	FIELD_VALUE,
	FIELD_OLD, /* the value that CAS replaces */
	FIELD_NUMBER, /* what INCR adds: an int64_t */
	FIELD_TIME, /* until the entry expires, in ms */
	FIELD_KEYS, /* one or more keys, which schema_next_name() reads */
	FIELD_REQUESTS, /* of a transaction: frames */
	FIELD_CLEAR_LIMIT, /* most entries that CLEAR removes */
	/* of HELLO */
	FIELD_VERSION,
	FIELD_SESSION,
	FIELD_SEEN, /* revision of the last commit of which the client was told
		     * all events */
	FIELD_TOLD, /* how many changes of the commit after that one have been
		     * gone through for it */
	FIELD_BUCKETS, /* those that it has subscribed to: proto/hello.h */
	FIELD_SINCE, /* of SUBSCRIBE_SINCE: a revision, of which and of those
		      * before nothing is to be told; 0: of the last commit */
	/* of SUBSCRIBED, which has FIELD_STATUS and FIELD_REVISION as well */
	FIELD_ID, /* a number that no later bucket of this name has */
	/* of LIST and PAGE */
	FIELD_LIST_KIND, /* enum list_kind */
	FIELD_REVISION, /* of the snapshot; 0 in LIST: of the last commit */
	FIELD_LIMIT, /* most lines that the client wants */
	FIELD_LIST_BUCKET, /* empty for LIST_BUCKETS */
	FIELD_PREFIX, /* may be empty */
	FIELD_AFTER, /* may be empty: from the first name */
	FIELD_MORE, /* is there another page? */
	/* of REPLY and PAGE */
	FIELD_STATUS, /* enum status */
	FIELD_LINES, /* proto/answer.h */
	/* of EVENT */
	FIELD_CHANGE, /* its number among all changes of its commit; from 1 */
	FIELD_EVENT_KIND, /* enum event_kind */
	FIELD_EVENT, /* the fields of that kind: schema_event() */
	FIELD_COUNT /* how many there are */
};

/* How a field is written. */
enum wire {
	WIRE_U8,
	WIRE_U16,
	WIRE_U64,
	WIRE_NAME, /* u8 size, and as many bytes */
	WIRE_VALUE, /* u32 size, and as many bytes */
	WIRE_NAMES, /* names up to the end of the body */
	WIRE_REST, /* all bytes up to the end of the body */
};

/* The values of fields.  Those that a message does not have are not set. */
struct fields {
	struct bytes bucket, key, value, old, prefix, after;
	struct bytes rest; /* of a field that is WIRE_NAMES or WIRE_REST */
	int64_t number, time_ms;
	uint64_t session, seen, told, revision, limit, id, change, since;
	uint16_t version;
	uint8_t kind; /* enum list_kind or enum event_kind */
	uint8_t status; /* enum status */
	uint8_t more; /* 0 or 1 */
};

struct schema_field {
	char name[12];
	uint8_t wire; /* enum wire */
	uint8_t offset; /* of the member in struct fields */
	/* Of a number, of a name's size, or of the number of names.  For the
	 * size of a value, the caller of schema_get() gives the maximum. */
	uint64_t min, max;
};

/* LIST has the most. */
#define SCHEMA_FIELDS_MAX 6

enum schema_flags {
	/* Allowed only before HELLO.  All others are allowed only after it. */
	SCHEMA_BEFORE_HELLO = 1,
	SCHEMA_QUEUED = 2, /* may be part of a transaction */
	SCHEMA_WRITES = 4, /* changes the store, so it needs a commit */
	/* Frees space in the store, so it may use the reserve. */
	SCHEMA_FREES = 8,
	SCHEMA_VALUES = 16, /* its reply has values, which may be large */
};

struct schema {
	char name[16];
	uint8_t fields[SCHEMA_FIELDS_MAX + 1]; /* enum field; FIELD_END ends */
	uint8_t reply; /* type of the message that answers it; 0: none */
	uint8_t flags; /* enum schema_flags */
};

extern const struct schema schema_messages[MESSAGE_END];

/* The row of a message.  NULL: there is no such message. */
static inline const struct schema *
schema_find(uint16_t type)
{
	if (type >= MESSAGE_END || schema_messages[type].name[0] == '\0')
		return NULL;
	return &schema_messages[type];
}

/* The row of a kind of event, as if it were a message.  NULL: no such kind. */
const struct schema *schema_event(uint8_t kind);
const struct schema_field *schema_field(enum field);
/* Takes the first name off a field that is WIRE_NAMES, which schema_get() has
 * checked.  False: there is none. */
static inline bool
schema_next_name(struct bytes *names, struct bytes *name)
{
	return message_get_name(names, name);
}

/* How many fields a message has. */
static inline size_t
schema_count(const struct schema *s)
{
	size_t n = 0;

	while (s->fields[n] != FIELD_END)
		n++;
	return n;
}

/*
 * Reads a body.  Returns false if it is too short or too long for its fields, if
 * one of these is out of its bounds, or if a value has more than `value_max`
 * bytes.  Names and values point into the body.
 */
bool schema_get(const struct schema *, struct bytes body, size_t value_max,
    struct fields *);
/* Appends the fields of a body, without checking them. */
void schema_put_fields(struct buf *, const struct schema *,
    const struct fields *);
/* Appends a complete frame. */
void schema_put(struct buf *, enum message_type, uint64_t sequence,
    const struct fields *);
/*
 * Appends a frame to whose last field, a WIRE_REST, the caller appends more
 * bytes.  Then the caller calls message_end() with the position that this
 * returns.
 */
size_t schema_begin(struct buf *, enum message_type, uint64_t sequence,
    const struct fields *);

#endif
