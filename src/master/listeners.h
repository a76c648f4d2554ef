/*
 * The sockets that clients connect to: those of all `listen`, or those that the
 * process which started kvd has bound and passed to it.
 */

#ifndef MASTER_LISTENERS_H
#define MASTER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "master/listener.h"

struct listeners {
	struct listener *list;
	size_t size;
	int *fds; /* of the sockets that are open, for the acceptors */
	size_t count; /* of fds */
	bool adopted; /* the process that started kvd has bound them */
};

/*
 * Each of these returns 0, or -1 with one line in `error` (CONFIG_ERROR_SIZE
 * bytes), and then changes nothing.
 */
int listeners_open(struct listeners *, const struct config *, char *error);
/* Takes over `n` sockets that the process which started kvd has bound. */
int listeners_adopt(struct listeners *, const int *fds, size_t n,
    const struct config *, char *error);
/*
 * Opens sockets for addresses that are new, or whose file somebody has removed;
 * keeps those that the configuration still has; closes the others.  One of these
 * that is in the way of a new one (127.0.0.1:4040 and 0.0.0.0:4040) stops
 * listening for a moment if the change fails.
 */
int listeners_change(struct listeners *, const struct config *, char *error);
/* Has somebody removed the file of a Unix socket? */
bool listeners_lack_names(const struct listeners *);
void listeners_close(struct listeners *);

/* Logs a warning for each address that other machines can reach, unless the
 * configuration says that this is meant. */
void listeners_warn(const struct listeners *, const struct config *);
/* The same warning about one address, "127.0.0.1 port 4040". */
void listeners_warn_of(const char *name);

#endif
