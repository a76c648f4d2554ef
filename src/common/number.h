/*
 * Numbers as clients write them: an optional '-' and decimal digits.
 */

#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

enum number_result {
	NUMBER_OK = 0,
	NUMBER_NONE, /* something else */
	NUMBER_RANGE, /* a number, and not between -2^63 and 2^63 - 1 */
};

/* Leading zeros do not matter, and -0 is 0.  All of `text` is the number. */
enum number_result number_parse(struct bytes text, int64_t *number);

/* Room for any number's text; nothing ends it. */
#define NUMBER_SIZE 20
/* Writes the text; returns its size. */
size_t number_format(int64_t number, char text[NUMBER_SIZE]);

#endif
