/*
 * mix: draws requests in given proportions.  Runs in kvbench.
 */

#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/number.h"
#include "kvbench/mix.h"

#define WEIGHT_MAX 1000000

static const char *const names[OP_COUNT] = {
	[OP_GET] = "get",
	[OP_PUT] = "put",
	[OP_DELETE] = "delete",
	[OP_PING] = "ping",
	[OP_ECHO] = "echo",
};

const char *
mix_name(enum op op)
{
	return op < OP_COUNT ? names[op] : "create";
}

static bool
find_name(struct bytes name, enum op *op)
{
	size_t i;

	for (i = 0; i < OP_COUNT; i++)
		if (bytes_are(name, names[i])) {
			*op = (enum op)i;
			return true;
		}
	return false;
}

/* Reads "name=weight" or "name".  Returns what follows, or NULL. */
static const char *
parse_part(struct mix *mix, const char *text)
{
	size_t size = strcspn(text, "=,");
	uint64_t weight = 1;
	enum op op;

	if (!find_name((struct bytes){ text, size }, &op) ||
	    mix->weights[op] > 0)
		return NULL;
	text += size;
	if (*text == '=' &&
	    (text = number_scan(text + 1, WEIGHT_MAX, &weight)) == NULL)
		return NULL;
	mix->weights[op] = weight;
	mix->total += weight;
	return text;
}

bool
mix_parse(struct mix *mix, const char *text)
{
	memset(mix, 0, sizeof(*mix));
	while ((text = parse_part(mix, text)) != NULL && *text == ',')
		text++;
	return text != NULL && *text == '\0' && mix->total > 0;
}

void
mix_print(const struct mix *mix, char *text, size_t size)
{
	size_t i, at = 0;

	text[0] = '\0';
	for (i = 0; i < OP_COUNT; i++)
		if (mix->weights[i] > 0 && at < size)
			at += (size_t)snprintf(text + at, size - at,
			    "%s%s=%llu", at == 0 ? "" : ",", names[i],
			    (unsigned long long)mix->weights[i]);
}

enum op
mix_next(const struct mix *mix, struct random *random)
{
	uint64_t n = mix->total == 1 ? 0 : random_below(random, mix->total);
	size_t i;

	for (i = 0; n >= mix->weights[i]; i++)
		n -= mix->weights[i];
	return (enum op)i;
}
