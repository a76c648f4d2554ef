/*
 * title: the text that ps(1) shows of a process.  Runs in the registry, the
 * acceptors and the workers.
 */

#include <string.h>

#include "common/title.h"

void
title_init(struct title *t, int argc, char *argv[])
{
	const char *last = argv[argc - 1];

	/* The kernel puts one argument directly behind the other. */
	t->base = argv[0];
	t->size = (size_t)(last - t->base) + strlen(last) + 1;
}

void
title_set_end(const struct title *t, size_t offset, const char *text)
{
	struct title end;

	if (offset >= t->size)
		return;
	end = (struct title){ t->base + offset, t->size - offset };
	title_set(&end, text);
}

void
title_set(const struct title *t, const char *text)
{
	size_t size = strlen(text);

	/* The last byte stays NUL.  Without it, Linux would take the title to
	 * go on in the environment (proc(5)). */
	memset(t->base, '\0', t->size);
	memcpy(t->base, text, size < t->size ? size : t->size - 1);
}
