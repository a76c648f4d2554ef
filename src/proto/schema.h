/*
 * The messages between worker and registry: for each its type, its name, its
 * fields in order, which message answers it, and what may be done with it.
 * Each message is written and read by walking its row of this table, so both
 * ends agree.  proto/message.h has the frame around the fields.
 *
 * What the registry executes is decoded by schema_get() alone.  The messages
 * that have more to them than fields have a file each, for both ends:
 * proto/hello.h, proto/answer.h (REPLY), proto/listing.h (LIST and PAGE) and
 * proto/event.h.
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
	FIELD_SECONDS, /* to live */
	FIELD_REQUESTS, /* of a transaction: frames */
	/* of HELLO */
	FIELD_VERSION,
	FIELD_SESSION,
	FIELD_SEEN, /* revision of the last commit whose events it was told */
	FIELD_BUCKETS, /* that it has subscribed to: names */
	/* of LIST and PAGE */
	FIELD_LIST_KIND, /* enum list_kind */
	FIELD_REVISION, /* of the snapshot; in LIST 0 is the last commit's */
	FIELD_LIMIT, /* the most lines that are wanted */
	FIELD_LIST_BUCKET, /* empty for LIST_BUCKETS */
	FIELD_PREFIX, /* may be empty */
	FIELD_AFTER, /* may be empty: from the start */
	FIELD_MORE, /* is there another page? */
	/* of REPLY and PAGE */
	FIELD_STATUS, /* enum status */
	FIELD_LINES, /* proto/answer.h */
	/* of EVENT */
	FIELD_EVENT_KIND, /* enum event_kind */
	FIELD_EVENT, /* the fields of that kind: schema_event() */
	FIELD_COUNT
};

/* How a field is written. */
enum wire {
	WIRE_U8,
	WIRE_U16,
	WIRE_U64,
	WIRE_NAME, /* u8 size, and as many bytes */
	WIRE_VALUE, /* u32 size, and as many bytes */
	WIRE_REST, /* all bytes up to the end of the body */
};

/* Values of fields.  A message sets those that it has and no others. */
struct fields {
	struct bytes bucket, key, value, old, prefix, after;
	struct bytes rest; /* of a field that is WIRE_REST */
	int64_t number; /* or seconds */
	uint64_t session, seen, revision, limit;
	uint16_t version;
	uint8_t kind; /* of a listing, or of an event */
	uint8_t status;
	uint8_t more; /* 0 or 1 */
};

struct schema_field {
	char name[12];
	uint8_t wire; /* enum wire */
	uint8_t offset; /* of the member in struct fields */
	/* Bounds of a number, or of a name's size.  A value's size has its
	 * bound in the configuration. */
	uint64_t min, max;
};

/* LIST has the most. */
#define SCHEMA_FIELDS_MAX 6

enum schema_flags {
	/* It is taken from a worker that has not yet said HELLO, and not
	 * from one that has. */
	SCHEMA_BEFORE_HELLO = 1,
	SCHEMA_QUEUED = 2, /* may be part of a transaction */
	SCHEMA_WRITES = 4, /* takes part in a commit */
	/* The store has more free space afterwards: may use the reserve. */
	SCHEMA_FREES = 8,
};

struct schema {
	char name[13];
	uint8_t fields[SCHEMA_FIELDS_MAX + 1]; /* enum field, to FIELD_END */
	uint8_t reply; /* type of the message that answers it; 0: none does */
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
/* How many fields it has. */
static inline size_t
schema_count(const struct schema *s)
{
	size_t n = 0;

	while (s->fields[n] != FIELD_END)
		n++;
	return n;
}

/*
 * Reads a body.  Returns false when it is too short or too long for its fields,
 * or when one of them is out of its bounds.  Bytes are borrowed from the body.
 * Values have at most `value_max` bytes.
 */
bool schema_get(const struct schema *, struct bytes body, size_t value_max,
    struct fields *);
/* Appends fields.  They are not checked. */
void schema_put_fields(struct buf *, const struct schema *,
    const struct fields *);
/* Appends a whole frame. */
void schema_put(struct buf *, enum message_type, uint64_t sequence,
    const struct fields *);
/* The same, but more bytes of its last field follow; then message_end(). */
size_t schema_begin(struct buf *, enum message_type, uint64_t sequence,
    const struct fields *);

#endif
