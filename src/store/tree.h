/*
 * Reads a tree of an LMDB file in memory, as LMDB does, but checks each page
 * that it comes to: that it has the number and the kind of the page that belongs
 * there, and that what is looked at lies within it.  LMDB itself trusts its
 * pages, and crashes, hangs, or reads something else when one is damaged.
 *
 * Keys are not compared with those of the page above, because each read would
 * pay for that.  So a page with the right number that a disk has not written,
 * and that has what it had before, may be taken for the right one.  The
 * checkpointer compares them before it writes (store_guard.c), and whoever
 * checks the whole store does (store/pages.h).
 *
 * The map is of pages that LMDB does not change meanwhile: those of a
 * transaction that reads.
 */

#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "store/pages.h"

struct tree_map {
	const uint8_t *base;
	size_t page_size;
	size_t count; /* one past the last page that is used */
};

/* A place in a tree. */
struct tree_cursor {
	struct tree_map map;
	size_t depth; /* of the tree */
	struct {
		const uint8_t *page;
		size_t i; /* of a node in it */
	} levels[PAGES_DEPTH_MAX];
	/* After -1: */
	size_t page; /* is wrong, */
	const char *wrong; /* in this way */
};

/* Goes to the first key that is not less.  1: there is one; 0: there is none;
 * -1: a page is wrong. */
int tree_seek(struct tree_cursor *, const struct tree_map *,
    const struct pages_tree *, struct bytes from);
/* Goes to the next one, after 1. */
int tree_next(struct tree_cursor *);
/* Goes to a key.  1: it is there; 0: it is not; -1: a page is wrong. */
int tree_find(struct tree_cursor *, const struct tree_map *,
    const struct pages_tree *, struct bytes key);

/* Where it is, after 1.  They lie in the map.  Of a value that has pages of its
 * own, and whose first one is wrong, nothing is there: { NULL, 0 }. */
struct bytes tree_key(const struct tree_cursor *);
struct bytes tree_value(const struct tree_cursor *);

#endif
