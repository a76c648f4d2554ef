/*
 * REPLY: how the registry answers a request.  It has a status, and data lines,
 * which the client is sent before the status.  The reply to a transaction also
 * has status lines: one behind the data lines of each of its requests.  PAGE
 * (proto/listing.h) has lines of the same form.
 *
 * A data line is the number of its words as a u16, and that many values.  A
 * status line is the u16 65535, and the status as a u8.
 */

#ifndef PROTO_ANSWER_H
#define PROTO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

/* Most words of a data line.  ENTRIES and STATS have two. */
#define ANSWER_WORDS_MAX 8

struct answer_line {
	bool is_status; /* is it a status line, or a data line? */
	uint8_t status; /* of a status line: enum status */
	uint16_t n; /* of a data line: number of words */
	struct bytes words[ANSWER_WORDS_MAX];
};

/* The status of a REPLY with this body. */
static inline enum status
answer_status(struct bytes body)
{
	uint8_t status = STATUS_OK;

	(void)message_get_u8(&body, &status);
	return (enum status)status;
}

/* Begins a frame.  Then the lines are appended, then message_end() called with
 * the position that this returns. */
size_t answer_begin(struct buf *, uint64_t sequence, enum status);
/* Appends a whole frame without lines. */
void answer_put(struct buf *, uint64_t sequence, enum status);
/* Append a data line, which is empty without words, or a status line. */
void answer_put_line(struct buf *, const struct bytes *words, uint16_t n);
void answer_put_status_line(struct buf *, enum status);

/* Removes the first of `lines`, the field `rest` that schema_get() has read, and
 * decodes it.  False: it is malformed, or there is none. */
bool answer_next(struct bytes *lines, struct answer_line *);

#endif
