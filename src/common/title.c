/*
 * title: what ps(1) shows.
 */

#include <string.h>

#include "common/title.h"

void
title_init(struct title *t, int argc, char *argv[])
{
	const char *last = argv[argc - 1];

	/* One argument lies behind the other. */
	t->base = argv[0];
	t->size = (size_t)(last - t->base) + strlen(last) + 1;
}

void
title_set(const struct title *t, const char *text)
{
	size_t size = strlen(text);

	/* The last byte stays NUL: Linux looks for one there. */
	memset(t->base, '\0', t->size);
	memcpy(t->base, text, size < t->size ? size : t->size - 1);
}
