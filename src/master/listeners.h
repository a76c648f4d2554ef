/*
 * The sockets that clients connect to: all of `listen`, or those that whoever
 * started kvd has bound.
 */

#ifndef MASTER_LISTENERS_H
#define MASTER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "master/listener.h"

struct listeners {
	struct listener *list;
	size_t size;
	int *fds; /* of those that are open, for the acceptors */
	size_t count;
	bool adopted; /* whoever started kvd has bound them */
};

/*
 * Each returns 0, or -1 with one line in `error` (CONFIG_ERROR_SIZE bytes):
 * then what there was before is as it was.
 */
int listeners_open(struct listeners *, const struct config *, char *error);
/* Takes over `n` descriptors, which were bound by whoever started kvd. */
int listeners_adopt(struct listeners *, const int *fds, size_t n,
    const struct config *, char *error);
/*
 * Binds what is new in the configuration or has lost its name, keeps what is
 * there still, and closes the rest.
 */
int listeners_change(struct listeners *, const struct config *, char *error);
/* Unix sockets whose names have been removed. */
bool listeners_lack_names(const struct listeners *);
void listeners_close(struct listeners *);

#endif
