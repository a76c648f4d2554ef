/*
 * Completion of a word at the prompt: a command, a bucket, or a key.
 */

#ifndef KV_COMPLETE_H
#define KV_COMPLETE_H

#include <stddef.h>

#include "common/buf.h"

struct kv;

struct complete {
	size_t n; /* candidates */
	/* The text to insert: what all candidates have in common after the
	 * typed part, and a blank after the only one. */
	char insert[260];
	struct buf list; /* the candidates, each on a line */
};

void complete_init(struct complete *);
void complete_clear(struct complete *);

/*
 * Finds the candidates for the last word of the line that is typed so far.
 * The server is asked for buckets and keys on another connection, so that a
 * transaction or a subscription is not disturbed.  If it does not answer soon,
 * there are no candidates.
 */
void complete_line(struct kv *, const char *line, size_t size,
    struct complete *);

#endif
