/*
 * record: fields of a line.
 */

#include <stdlib.h>
#include <string.h>

#include "kvctl/record.h"

/* Cuts the value off that begins here.  Returns what comes behind it, or NULL
 * at the end of the line. */
static char *
cut_value(char **value)
{
	char *end;

	if (**value == '"') {
		(*value)++;
		end = strchr(*value, '"');
	} else
		end = strchr(*value, ' ');
	if (end == NULL)
		return NULL;
	*end++ = '\0';
	return end + strspn(end, " ");
}

void
record_parse(struct record *r, char *line)
{
	char *next = line, *equals, *value;

	r->count = 0;
	r->word = strsep(&next, " ");
	while (next != NULL && *next != '\0' && r->count < RECORD_FIELDS_MAX &&
	    (equals = strchr(next, '=')) != NULL) {
		*equals = '\0';
		value = equals + 1;
		r->names[r->count] = next;
		next = cut_value(&value);
		r->values[r->count++] = value;
	}
}

const char *
record_text(const struct record *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		if (strcmp(r->names[i], name) == 0)
			return r->values[i];
	return "";
}

int64_t
record_number(const struct record *r, const char *name)
{
	return strtoll(record_text(r, name), NULL, 10);
}
