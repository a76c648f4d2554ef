/*
 * REPLY: how the registry answers a request.  A status, and before it, for the
 * client, data lines of words.  The reply to a transaction has a status line
 * behind the data lines of each of its requests.  PAGE (proto/listing.h) has the
 * same lines.
 *
 * A line is a u16, the number of its words, and that many values.  A status
 * line is a u16 of 65535, and a u8, the status.
 */

#ifndef PROTO_ANSWER_H
#define PROTO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

/* Words of a data line, at most.  ENTRIES and STATS have two. */
#define ANSWER_WORDS_MAX 8

struct answer_line {
	bool is_status; /* then it has a status, otherwise words */
	uint8_t status; /* enum status */
	uint16_t n;
	struct bytes words[ANSWER_WORDS_MAX];
};

/* Begins a frame, to be ended by message_end(); the lines come between. */
size_t answer_begin(struct buf *, uint64_t sequence, enum status);
/* Appends a frame without lines. */
void answer_put(struct buf *, uint64_t sequence, enum status);
/* A data line.  Without words it is empty. */
void answer_put_line(struct buf *, const struct bytes *words, uint16_t n);
void answer_put_status_line(struct buf *, enum status);

/* Takes the first line off, of a message that schema_get() has read.  False:
 * malformed, or there is none. */
bool answer_next(struct bytes *lines, struct answer_line *);

#endif
