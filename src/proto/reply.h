/*
 * Replies as text, for a client: from a stream of bytes to lines, and which
 * of them is data and which a status.  Pure: no I/O.  The bytes need not come
 * from a kvd: whatever they are, each call ends, and no more than a line at
 * its limit is kept.
 *
 *	to = reply_reserve(&r, size);	then recv(2) into it
 *	reply_commit(&r, n);
 *	while ((kind = reply_next(&r, &line)) > REPLY_AGAIN)
 *		...
 *
 * Nothing is allocated for a reply that fits into what an earlier one needed.
 */

#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

enum reply_kind {
	REPLY_NO_MEMORY = -2,
	REPLY_MALFORMED = -1, /* not ended by CR LF, or too long; for good */
	REPLY_AGAIN = 0, /* no whole line yet */
	REPLY_DATA, /* a data line, or an event */
	REPLY_STATUS, /* the last line of a reply */
};

enum reply_status {
	REPLY_OK,
	REPLY_NOT_FOUND,
	REPLY_UNKNOWN_COMMAND,
	REPLY_CONFLICT,
	REPLY_QUEUED,
	REPLY_ERROR,
};

/* Valid until the next reply_next, reply_reserve or reply_words. */
struct reply_line {
	struct bytes text; /* without its end */
	enum reply_status status; /* of a REPLY_STATUS */
	struct bytes reason; /* of a REPLY_ERROR: what follows the word */
};

enum reply_event_type {
	REPLY_EVENT_SET, /* key, value */
	REPLY_EVENT_DELETED, /* key */
	REPLY_EVENT_DROPPED, /* the bucket and all in it */
	REPLY_EVENT_MISSED, /* before this, events may have been missed */
};

struct reply_event {
	enum reply_event_type type;
	struct bytes key, value;
};

struct reply_reader {
	struct buf in; /* what has come and was not taken */
	struct buf words; /* of the last data line, when asked for */
	size_t line_max;
	size_t seen; /* of `in`: known to hold no line's end */
	size_t taken; /* of `in`: the last line given out, with its end */
	bool split; /* `words` are those of the last line */
	bool broken;
};

/* The longest line that a value of so many bytes can need. */
#define REPLY_LINE_MAX(value_max) (4 * (size_t)(value_max) + 4096)

/* `line_max` bytes is the longest line accepted, its end not counted. */
void reply_init(struct reply_reader *, size_t line_max);
/* Frees the memory. */
void reply_clear(struct reply_reader *);
/* Forgets what has come, for another connection. */
void reply_reset(struct reply_reader *);

/* Room for `size` bytes more, or NULL without memory; then how many came. */
uint8_t *reply_reserve(struct reply_reader *, size_t size);
void reply_commit(struct reply_reader *, size_t size);

/* The next line. */
enum reply_kind reply_next(struct reply_reader *, struct reply_line *);

/* Has the part of a line come whose rest has not? */
bool reply_is_partial(const struct reply_reader *);

/*
 * Decodes the words of the last REPLY_DATA, over its text.  An empty line
 * has none.  Returns false when it is malformed or there is no memory.
 */
bool reply_words(struct reply_reader *, const struct bytes **words, size_t *n);

/*
 * Is the last REPLY_DATA an event of a subscription?  Events come between
 * replies, never inside.  A first data line that reads like an event is one
 * only if no reply with data lines is due: a subscriber asks for such on
 * another connection, or takes the risk.
 */
bool reply_is_event(struct reply_reader *, struct reply_event *);

#endif
