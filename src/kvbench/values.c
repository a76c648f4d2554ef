/*
 * values: what belongs under which key.  Runs in kvbench.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvbench/values.h"

/* Where a value may begin: few enough for the processor's cache, so that
 * kvbench does not measure its own misses. */
#define OFFSET_BITS 13
#define OFFSETS ((size_t)1 << OFFSET_BITS)

static const char *
parse_size(const char *text, size_t *size)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || n > VALUES_SIZE_MAX)
		return NULL;
	if (*end == 'k' || *end == 'K' || *end == 'M')
		n <<= *end++ == 'M' ? 20 : 10;
	*size = n;
	return n > VALUES_SIZE_MAX ? NULL : end;
}

bool
values_parse(const char *text, size_t *min, size_t *max)
{
	if ((text = parse_size(text, min)) == NULL)
		return false;
	*max = *min;
	if (*text == '-')
		text = parse_size(text + 1, max);
	return text != NULL && *text == '\0' && *min <= *max;
}

int
values_init(struct values *v, size_t min, size_t max)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	struct random random;
	size_t i;

	v->min = min;
	v->max = max;
	if ((v->text = malloc(OFFSETS + max)) == NULL)
		return -1;
	/* The same in every run: a later one reads what this one has put. */
	random_init(&random, 1);
	for (i = 0; i < OFFSETS + max; i++)
		v->text[i] = (uint8_t)letters[random_next(&random) >> 59];
	return 0;
}

void
values_clear(struct values *v)
{
	free(v->text);
	v->text = NULL;
}

size_t
values_size(const struct values *v, struct random *random)
{
	if (v->min == v->max)
		return v->min;
	return v->min + (size_t)random_below(random, v->max - v->min + 1);
}

struct bytes
values_get(const struct values *v, uint64_t key, size_t size)
{
	size_t offset =
	    (size_t)((key + 1) * 0x9e3779b97f4a7c15ULL >> (64 - OFFSET_BITS));

	return (struct bytes){ v->text + offset, size };
}

bool
values_match(const struct values *v, uint64_t key, struct bytes value)
{
	return value.size >= v->min && value.size <= v->max &&
	    bytes_equal(value, values_get(v, key, value.size));
}
