/*
 * The text that ps(1) shows of a child of the master, and of a worker.  The
 * master gives its children an argument of blanks (TITLE_PADDING), and they
 * write over their arguments.
 *
 * setproctitle(3) would cost each connection time.  It needs libbsd, which adds
 * eleven mappings to the acceptor that each fork copies, and it formats its
 * text, for which a new worker would have to map the code of printf(3).
 */

#ifndef COMMON_TITLE_H
#define COMMON_TITLE_H

#include <stddef.h>

struct title {
	char *base;
	size_t size;
};

/* Remembers where main()'s arguments are. */
void title_init(struct title *, int argc, char *argv[]);
/* Writes the text over them, cut off if they are shorter. */
void title_set(const struct title *, const char *text);
/* Replaces what the title has from `offset` on. */
void title_set_end(const struct title *, size_t offset, const char *text);

#endif
