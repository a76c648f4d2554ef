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
	NUMBER_NONE, /* the text is not a number */
	NUMBER_RANGE, /* the number is not between -2^63 and 2^63 - 1 */
};

/* Parses all of `text`.  Leading zeros are allowed, and -0 is 0. */
enum number_result number_parse(struct bytes text, int64_t *number);

/* The longest text of a number, which has no NUL at its end. */
#define NUMBER_SIZE 20
/* Writes the text; returns its size. */
size_t number_format(int64_t number, char text[NUMBER_SIZE]);

#endif
