/*
 * Joins the area's small pages to large ones of AREA_LARGE_PAGE bytes.  A worker
 * has a page fault for the first read of each page, which takes longer than the
 * read itself; and a worker is new for each client.  With large pages there are
 * some hundred times fewer of them.
 *
 * The kernel joins pages when it is told to (MADV_COLLAPSE, since Linux 6.1),
 * whatever its settings for large pages are.  It may wait meanwhile, for memory
 * and for each of the processors.  So this is done by the checkpointer, which
 * nobody waits for.  Whoever reads or writes what is being joined goes on when
 * that is over.
 */

#ifndef AREA_LARGE_PAGES_H
#define AREA_LARGE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct large_pages {
	const uint8_t *memory; /* NULL: there is nothing to be joined */
	size_t size;
	size_t at, end; /* what is looked at next, and until where */
};

/* Maps the area that can be read from this descriptor; -1: there is none.
 * Returns 0, or -1 with errno: nothing will be joined. */
int large_pages_open(struct large_pages *, int fd);
/* The area is in use up to this place, in bytes from its beginning. */
void large_pages_look(struct large_pages *, size_t end);
/* Is there one that was not looked at yet? */
bool large_pages_are_left(const struct large_pages *);
/* Looks at the next large page, if there is one, and makes it one if nearly all
 * of it is in use.  A second look at one costs little. */
void large_pages_join(struct large_pages *);

#endif
