/*
 * The progress of import and export: a bar, or only a count.
 */

#ifndef KV_BAR_H
#define KV_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/progress.h"

struct bar {
	struct progress progress;
	const char *unit; /* what is counted, in the plural */
};

void bar_init(struct bar *, const char *unit, bool wanted);

/* The bar stands for `done` of `total`, which is 0 if it is not known; the
 * count is a number beside it.  May be called often. */
void bar_show(struct bar *, uint64_t done, uint64_t total, uint64_t count);

/* Removes the bar, before a message or at the end. */
void bar_clear(struct bar *);

#endif
