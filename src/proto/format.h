/*
 * Replies as text.  Pure: it appends to a buffer, and the caller checks that
 * (buf_failed()).
 */

#ifndef PROTO_FORMAT_H
#define PROTO_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

/*
 * Appends a data line: the words with one space between two, quoted where they
 * have to be.  Without words the line is empty.
 */
void format_line(struct buf *, const struct bytes *words, size_t n);

/* Appends a word of a line that is no reply, quoted if it has to be. */
void format_word(struct buf *, struct bytes word);

/* Is this text that has no control characters, as the words that these
 * functions append? */
bool format_is_safe(struct bytes text);

/* Appends the status line for a status. */
void format_status(struct buf *, enum status);

/* Appends a whole reply, given the body of a MESSAGE_REPLY.  Returns false
 * when it is malformed. */
bool format_reply(struct buf *, struct bytes body);

#endif
