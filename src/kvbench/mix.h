/*
 * Which requests are sent, and in which proportion.  No I/O.
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
	OP_ECHO, /* asks for the key itself */
	OP_COUNT,
	OP_CREATE = OP_COUNT, /* creates the bucket; never in a mix */
};

struct mix {
	uint64_t weights[OP_COUNT];
	uint64_t total; /* at least 1 */
};

/* Reads a text like "get=90,put=10" or "get".  Returns false if it is not
 * such a text. */
bool mix_parse(struct mix *, const char *text);
/* Writes the mix as mix_parse reads it. */
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
	uint64_t start_ns; /* when it was sent; open loop: when it was due */
	uint64_t key;
	size_t size; /* of the value to put */
	enum op op;
};

#endif
