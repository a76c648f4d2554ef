/*
 * The values that kvbench puts.  A value follows from its key and its size, so
 * that a value that is read can be verified.  It has lower-case letters and
 * digits only, which no protocol quotes.  No I/O.
 */

#ifndef KVBENCH_VALUES_H
#define KVBENCH_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "kvbench/random.h"

#define VALUES_SIZE_MAX ((size_t)64 << 20) /* the largest max-value of kvd */

struct values {
	uint8_t *text; /* each value is a part of it */
	size_t min, max; /* sizes of values */
};

/* Reads "size" or "min-max", in bytes or with a k or M.  Returns false if the
 * text is neither. */
bool values_parse(const char *text, size_t *min, size_t *max);

/* Returns 0, or -1 if memory is short. */
int values_init(struct values *, size_t min, size_t max);
void values_clear(struct values *);

size_t values_size(const struct values *, struct random *);
struct bytes values_get(const struct values *, uint64_t key, size_t size);
/* Can kvbench have put this value under this key? */
bool values_match(const struct values *, uint64_t key, struct bytes);

#endif
