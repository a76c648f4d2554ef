/*
 * value: the values that the stress program writes.  A value names its key and
 * the step that wrote it (stress/cell.h), as often as it takes to have the size
 * that follows from these.  So a value that is cut off, put together from two
 * writes or taken from another key is recognized.
 */

#ifndef STRESS_VALUE_H
#define STRESS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* The key: the number of its cell, and its own number in that cell. */
struct value_key {
	uint32_t cell; /* below 2^24 */
	uint8_t key;
};

/* Appends the value that this step writes to this key. */
void value_put(struct buf *, struct value_key, uint32_t step);
/* Which step has written this text to this key?  Returns false if none can
 * have written it. */
bool value_parse(const char *text, size_t size, struct value_key,
    uint32_t *step);

#endif
