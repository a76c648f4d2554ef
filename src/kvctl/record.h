/*
 * A line of a reply that consists of a word and fields, NAME=VALUE.  A value
 * with blanks is in double quotes.
 */

#ifndef KVCTL_RECORD_H
#define KVCTL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS_MAX 32

struct record {
	const char *word; /* the first one */
	size_t count;
	const char *names[RECORD_FIELDS_MAX];
	const char *values[RECORD_FIELDS_MAX];
};

/* Takes the line apart: the record points into it. */
void record_parse(struct record *, char *line);
/* "" and 0 if there is no such field. */
const char *record_text(const struct record *, const char *name);
int64_t record_number(const struct record *, const char *name);

#endif
