/*
 * What a word at the prompt may become: a command, a bucket, or a key.
 */

#ifndef KV_COMPLETE_H
#define KV_COMPLETE_H

#include <stddef.h>

#include "common/buf.h"

struct kv;

struct complete {
	size_t n; /* candidates */
	char insert[260]; /* what all have in common and is not typed yet */
	struct buf list; /* the candidates, a line each */
};

void complete_init(struct complete *);
void complete_clear(struct complete *);

/*
 * Finds the candidates for the last word of a line that is typed so far.
 * Buckets and keys are asked for on a connection of its own, which a
 * transaction or a subscription does not disturb; no answer is no candidate.
 */
void complete_line(struct kv *, const char *line, size_t size,
    struct complete *);

#endif
