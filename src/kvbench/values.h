/*
 * What is put under a key, so that what is got can be verified: it follows
 * from the key and the size.  Lower-case letters and digits, which no
 * protocol has to quote.  Pure.
 */

#ifndef KVBENCH_VALUES_H
#define KVBENCH_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "kvbench/random.h"

#define VALUES_SIZE_MAX ((size_t)64 << 20) /* kvd's largest max-value */

struct values {
	uint8_t *text; /* each value is a piece of it */
	size_t min, max; /* sizes */
};

/* Reads "size" or "min-max", in bytes or with k or M; false: neither. */
bool values_parse(const char *text, size_t *min, size_t *max);

/* Returns -1 without memory. */
int values_init(struct values *, size_t min, size_t max);
void values_clear(struct values *);

size_t values_size(const struct values *, struct random *);
struct bytes values_get(const struct values *, uint64_t key, size_t size);
/* Can this have been put under this key? */
bool values_match(const struct values *, uint64_t key, struct bytes);

#endif
