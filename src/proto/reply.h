/*
 * Reads replies for a client: splits a stream of bytes into lines, and tells
 * data lines from status lines.  Pure: no I/O.  The bytes need not come from
 * kvd: whatever they are, each call returns, and no more than the longest
 * accepted line is kept.
 *
 *	to = reply_reserve(&r, size);	then recv(2) into it
 *	reply_commit(&r, n);
 *	while ((kind = reply_next(&r, &line)) > REPLY_AGAIN)
 *		...
 *
 * It keeps its memory, so a reply that is not longer than an earlier one needs
 * no allocation.
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
	REPLY_MALFORMED = -1, /* a line does not end in CR LF, or is too long;
			       * all later calls return the same */
	REPLY_AGAIN = 0, /* no complete line has come yet */
	REPLY_DATA, /* a data line, or an event */
	REPLY_STATUS, /* a status line: the last one of a reply */
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
	enum reply_status status; /* of a status line */
	struct bytes reason; /* of a REPLY_ERROR: the words behind ERROR */
};

enum reply_event_type {
	REPLY_EVENT_SET, /* key, value */
	REPLY_EVENT_DELETED, /* key */
	REPLY_EVENT_DROPPED, /* the bucket was dropped */
	REPLY_EVENT_MISSED, /* events before this one may be missing */
	REPLY_EVENT_AT, /* all events up to this revision have come */
};

struct reply_event {
	enum reply_event_type type;
	struct bytes key, value;
	int64_t revision;
};

struct reply_reader {
	struct buf in; /* the last line, and what has come behind it */
	struct buf words; /* of the last line, after reply_words() */
	size_t line_max; /* size of the longest line, without its end */
	size_t taken; /* size of the last line in `in`, with its end */
	size_t seen; /* first bytes of `in` that hold no end of a line */
	bool split; /* are `words` those of the last line? */
	bool broken; /* REPLY_MALFORMED was returned */
};

/* Size of the longest line if values have up to `value_max` bytes. */
#define REPLY_LINE_MAX(value_max) (4 * (size_t)(value_max) + 4096)

/* Lines of more than `line_max` bytes, without their end, are malformed. */
void reply_init(struct reply_reader *, size_t line_max);
/* Frees the memory. */
void reply_clear(struct reply_reader *);
/* Drops what has come.  To be called for each new connection. */
void reply_reset(struct reply_reader *);

/*
 * Returns where to write up to `size` bytes, or NULL without memory.  Then
 * reply_commit() appends those that were written.
 */
uint8_t *reply_reserve(struct reply_reader *, size_t size);
void reply_commit(struct reply_reader *, size_t size);

/* Takes the next line. */
enum reply_kind reply_next(struct reply_reader *, struct reply_line *);

/* Has a part of a line come, but not all of it? */
bool reply_is_partial(const struct reply_reader *);

/*
 * Splits the last line, a REPLY_DATA, into words, and decodes them in place.  An
 * empty line has none.  Returns false if it is malformed or there is no memory.
 */
bool reply_words(struct reply_reader *, const struct bytes **words, size_t *n);

/*
 * Does the last line, a REPLY_DATA, read like an event?  Events come between
 * replies and never inside one, but the first data line of a reply may read like
 * an event as well.  So a subscriber should request data on another connection.
 */
bool reply_is_event(struct reply_reader *, struct reply_event *);

#endif
