/*
 * values: which value a key has.  Runs in kvbench.
 */

#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "kvbench/values.h"

/* A value begins at one of these offsets of the text.  They are few, so that
 * the text stays in the processor's cache and kvbench does not measure its own
 * cache misses. */
#define OFFSET_BITS 13
#define OFFSETS ((size_t)1 << OFFSET_BITS)

static const char *
parse_size(const char *text, size_t *size)
{
	uint64_t n;

	if ((text = number_scan(text, VALUES_SIZE_MAX, &n)) == NULL)
		return NULL;
	if (*text == 'k' || *text == 'K' || *text == 'M')
		n <<= *text++ == 'M' ? 20 : 10;
	*size = n;
	return n > VALUES_SIZE_MAX ? NULL : text;
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
	/* The text is the same in every run, so that a later run can verify
	 * what this one puts. */
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
