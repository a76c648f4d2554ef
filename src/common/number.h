/*
 * Numbers as clients and options have them: an optional '-' and decimal
 * digits.
 */

#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

#include <stdbool.h>
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

/*
 * Is all of the text such a number, from `min` to `max`?  If so, it is put
 * into *number.
 */
bool number_in_range(const char *text, int64_t min, int64_t max,
    int64_t *number);

/* The same for a number that may have a fraction, as strtod(3) reads it. */
bool number_decimal_in_range(const char *text, double min, double max,
    double *number);

/*
 * Reads the digits at the start of the text, and returns what follows them.
 * NULL: there are none, or the number is above `max`.
 */
const char *number_scan(const char *text, uint64_t max, uint64_t *number);

/* The longest text of a number, which has no NUL at its end. */
#define NUMBER_SIZE 20
/* Writes the text; returns its size. */
size_t number_format(int64_t number, char text[NUMBER_SIZE]);

#endif
