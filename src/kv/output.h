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
/* Exits if nothing can be written there at all. */
void output_check(void);
/* To poll(2) for: it has an event when nobody can read any more, and then
 * output_gone() is due. */
#define OUTPUT_POLL                 \
	{                           \
		.fd = STDOUT_FILENO \
	}
__attribute__((noreturn)) void output_gone(void);
/* Writes what stdio has. */
void output_stdio(void);
/* Writes what is there. */
void output_flush(struct output *);
/* Writes when it has become much. */
void output_added(struct output *);
/* Words, as the protocol writes them, and a newline. */
void output_line(struct output *, const struct bytes *words, size_t n);

#endif
