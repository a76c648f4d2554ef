/*
 * The memory of the area, and a second, small one in which readers say what is
 * hot: both are files without a name (memfd_create(2)) that the master makes
 * and keeps, and whose size nobody can change.
 *
 * The registry gets descriptors to write, the acceptor one to read the area;
 * its workers inherit the mapping, and no descriptor.  A process of the same
 * user may open a descriptor of another process anew through /proc: so the
 * files allow nobody to open them.  A process that may trace others of its user
 * is stopped by this as little as by anything else.
 */

#ifndef AREA_MEMORY_H
#define AREA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct area_memory {
	int write_fd, read_fd; /* of the area; -1: there is none */
	int hot_fd;
};

/* Nothing is shared. */
static const struct area_memory area_memory_none = { -1, -1, -1 };

/* Makes both.  The size is that of the area, exactly, and at least
 * AREA_SIZE_MIN.  Returns 0, or -1 with errno. */
int area_memory_make(struct area_memory *, size_t size);
void area_memory_close(struct area_memory *);

/* Maps one of them, at an address where it can have large pages
 * (area/large_pages.h).  *size becomes what it has, and must be at least
 * `least`.  Returns NULL with errno. */
void *area_memory_map(int fd, int protection, size_t least, size_t *size);

#endif
