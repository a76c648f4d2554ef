/*
 * What is asked, and how often.  Pure.
 */

#ifndef KVBENCH_MIX_H
#define KVBENCH_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvbench/random.h"

enum op {
	OP_GET,
	OP_PUT,
	OP_DELETE,
	OP_PING,
	OP_ECHO, /* the key */
	OP_COUNT,
	OP_CREATE = OP_COUNT, /* the bucket: kvbench's own, never in a mix */
};

struct mix {
	uint64_t weights[OP_COUNT];
	uint64_t total; /* at least 1 */
};

/* Reads "get=90,put=10", or "get" alone; returns false for what is none. */
bool mix_parse(struct mix *, const char *text);
/* As mix_parse reads it. */
void mix_print(const struct mix *, char *text, size_t size);
const char *mix_name(enum op);

static inline bool
mix_has(const struct mix *mix, enum op op)
{
	return mix->weights[op] > 0;
}

enum op mix_next(const struct mix *, struct random *);

/* One request under way. */
struct request {
	uint64_t start_ns; /* when it was sent, or should have been */
	uint64_t key;
	size_t size; /* of the value to put */
	enum op op;
};

#endif
