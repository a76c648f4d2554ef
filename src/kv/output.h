/*
 * Standard output, collected and written in large pieces.  When nobody reads
 * it any more, SIGPIPE ends kv without a message, like other filters.  After
 * any other failure to write, kv prints a message and exits with KV_FAILED.
 */

#ifndef KV_OUTPUT_H
#define KV_OUTPUT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/bytes.h"

struct output {
	struct buf buf; /* append to it, then call output_added */
	bool terminal; /* standard output is one */
};

void output_init(struct output *);
/* Exits if standard output is not open for writing. */
void output_check(void);
/* A struct pollfd that has an event when nobody reads standard output any
 * more.  Then call output_gone(). */
#define OUTPUT_POLL                 \
	{                           \
		.fd = STDOUT_FILENO \
	}
__attribute__((noreturn)) void output_gone(void);
/* Writes what is buffered in stdio. */
void output_stdio(void);
/* Writes all that is in `buf`. */
void output_flush(struct output *);
/* Writes `buf` if it is large. */
void output_added(struct output *);
/* Appends words, quoted as in the protocol, and a newline. */
void output_line(struct output *, const struct bytes *words, size_t n);

#endif
