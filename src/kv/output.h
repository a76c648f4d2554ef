/*
 * Standard output: gathered, and written in large pieces.  A reader that has
 * gone away ends kv as it ends other filters: by SIGPIPE, without a word.
 * Any other failure to write is the end, with a message and KV_FAILED.
 */

#ifndef KV_OUTPUT_H
#define KV_OUTPUT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/bytes.h"

struct output {
	struct buf buf; /* to be appended to; then output_added */
	bool terminal;
};

void output_init(struct output *);
/* Writes what is there. */
void output_flush(struct output *);
/* Writes when it has become much. */
void output_added(struct output *);
/* Words, as the protocol writes them, and a newline. */
void output_line(struct output *, const struct bytes *words, size_t n);

#endif
