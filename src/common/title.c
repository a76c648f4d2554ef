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
	memset(t->base, '\0', t->size);
}

void
title_set(const struct title *t, const char *text)
{
	size_t size = strlen(text);

	/* The last byte stays NUL: Linux looks for one there. */
	memcpy(t->base, text, size < t->size ? size : t->size - 1);
}
