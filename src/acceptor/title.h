/*
 * The titles of workers.  setproctitle(3) formats, and in a process that was
 * just forked printf's pages are all to be mapped first: a quarter of the
 * page faults of a connection.  So the acceptor formats the title, and the
 * worker copies it to where setproctitle(3) has put the acceptor's.
 */

#ifndef ACCEPTOR_TITLE_H
#define ACCEPTOR_TITLE_H

#include <stddef.h>

struct sockaddr_storage;

/* Room for any address. */
#define TITLE_SIZE 80

struct title {
	char *base; /* where ps(1) finds it */
	size_t size;
};

/* Sets the acceptor's own; `base` is argv[0] as main() was given it. */
void title_init(struct title *, char *base);
/* In the acceptor: the title of this client's worker. */
void title_format(char text[TITLE_SIZE], const struct sockaddr_storage *);
/* In the worker. */
void title_set(const struct title *, const char *text);

#endif
