/*
 * One page of an LMDB file, in memory: what is in it, and whether that is what
 * LMDB would have written.  Its layout is that of LMDB 0.9 (the comments of
 * mdb.c: MDB_page, MDB_node); numbers have the byte order and the word size of
 * this machine.
 */

#ifndef STORE_PAGE_H
#define STORE_PAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define PAGE_KEY_MAX 511

/* What a page is. */
#define PAGE_BRANCH 0x01
#define PAGE_LEAF 0x02
#define PAGE_OVERFLOW 0x04
#define PAGE_META 0x08

/* Flags of a node. */
#define PAGE_NODE_OVERFLOW 0x01 /* its value has pages of its own */
#define PAGE_NODE_TREE 0x02

struct page_header {
	size_t number;
	uint16_t pad;
	uint16_t flags;
	union {
		struct {
			uint16_t lower, upper;
		} bounds;
		uint32_t pages; /* of an overflow page */
	} u;
};
static_assert(sizeof(struct page_header) == sizeof(size_t) + 8, "LMDB's");

/* A node of a page. */
struct page_node {
	struct bytes key;
	uint16_t flags;
	size_t size; /* of the value */
	size_t child; /* of a branch */
	const uint8_t *data; /* the value, or the number of its first page */
};

struct page_header page_header_of(const uint8_t *page);
/* NULL: it is this page, and a branch or a leaf.  Nothing is said of its
 * nodes. */
const char *page_check_header(const uint8_t *page, size_t page_size,
    size_t number, bool *leaf);
/* The same, and all nodes lie within it, and fill what it does not have free. */
const char *page_check(const uint8_t *page, size_t page_size, size_t number,
    bool *leaf);

/* These are for a page whose header was checked. */
size_t page_nodes(const uint8_t *page);
/* False: the node does not lie within the page. */
bool page_has_node(const uint8_t *page, size_t page_size, size_t i, bool leaf);
/* Takes a node that lies within the page. */
struct page_node page_node(const uint8_t *page, size_t i);
/*
 * Finds the first node whose key is not less; or, in a branch, the last whose
 * key is not greater, where the first node's key is less than any.  *same: it
 * has the key.  SIZE_MAX: a node that was looked at does not lie within the
 * page.
 */
size_t page_search(const uint8_t *page, size_t page_size, struct bytes key,
    bool leaf, bool *same);

/* How many pages a value of this size has, if it has pages of its own. */
static inline size_t
page_overflow(size_t size, size_t page_size)
{
	/* The sum of both might not be a size_t. */
	return size / page_size +
	    (size % page_size + sizeof(struct page_header) - 1) / page_size + 1;
}

#endif
