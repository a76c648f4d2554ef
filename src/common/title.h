/*
 * What ps(1) shows of a child and of what it forks.  Not setproctitle(3): the
 * libraries that it comes in are eleven mappings of a process, and of an
 * acceptor each is copied for each client; it also formats, for which a new
 * worker would have to map printf's pages.  So the master gives its children
 * a blank argument (TITLE_PADDING), and they write over their arguments.
 */

#ifndef COMMON_TITLE_H
#define COMMON_TITLE_H

#include <stddef.h>

struct title {
	char *base;
	size_t size;
};

/* Takes the room of main()'s arguments. */
void title_init(struct title *, int argc, char *argv[]);
/* Writes over them, as much as there is room for. */
void title_set(const struct title *, const char *text);

#endif
