/*
 * The titles of the acceptor and its workers.  Not setproctitle(3): the
 * libraries that it comes in are eleven mappings of the acceptor's memory, a
 * third of what each fork copies and each exit takes down; and it formats,
 * for which a new process would have to map printf's pages.  So the acceptor
 * formats a worker's title, and the worker copies it over its arguments.
 */

#ifndef ACCEPTOR_TITLE_H
#define ACCEPTOR_TITLE_H

#include <stddef.h>

struct sockaddr_storage;

/* Room for any address. */
#define TITLE_SIZE 80

struct title {
	char *base; /* the process's arguments: where ps(1) finds it */
	size_t size;
};

/* Takes the room of main()'s arguments, and sets the acceptor's own. */
void title_init(struct title *, int argc, char *argv[]);
/* In the acceptor: the title of this client's worker. */
void title_format(char text[TITLE_SIZE], const struct sockaddr_storage *);
/* In the worker. */
void title_set(const struct title *, const char *text);

#endif
