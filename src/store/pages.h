/*
 * The pages of an LMDB file, read without LMDB, which trusts them: a damaged
 * page makes LMDB crash, hang or miss keys.  Here it is a complaint, and what
 * can be read besides it is read.
 *
 * The file is only read, with pread(2).  Its layout is that of LMDB 0.9 (the
 * comments of mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta); numbers have the
 * byte order and the word size of this machine.
 */

#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/* More than LMDB needs for any number of keys. */
#define PAGES_DEPTH_MAX 32

/* A tree of pages: LMDB's MDB_db. */
struct pages_tree {
	uint32_t pad;
	uint16_t flags;
	uint16_t depth;
	size_t branch_pages, leaf_pages, overflow_pages, entries;
	size_t root; /* SIZE_MAX: it is empty */
};

/* What one of the two first pages says. */
struct pages_meta {
	struct pages_tree free_list, main;
	size_t count; /* one past the last page that is used */
	size_t transaction;
};
/* False: it is no such page. */
bool pages_take_meta(const uint8_t *page, struct pages_meta *);
/* Takes the record of a named tree.  False: it is none. */
bool pages_take_tree(struct bytes record, struct pages_tree *);

/* A transaction's pages. */
struct pages {
	int fd; /* the caller's */
	size_t page_size;
	size_t count; /* one past the last page that is used */
	size_t transaction;
	uint64_t read_bytes; /* so far */
	/* In a walk: the pages from the root to the key that is visited, and at
	 * which level the page is that is complained of. */
	size_t path[PAGES_DEPTH_MAX];
	size_t level;
	struct pages_tree free_list, main;
	uint8_t *seen; /* a bit for each page, once pages_walk() has seen it */
	uint8_t *value; /* a value that has pages of its own */
	size_t value_size; /* of the memory */
	uint8_t *levels[PAGES_DEPTH_MAX]; /* a page each */
};

/* A key and its value, valid during the call.  False: go no further. */
typedef bool pages_visit(void *arg, struct bytes key, struct bytes value);
/* Something is wrong with a page. */
typedef void pages_complain(void *arg, size_t page, const char *what);
/* The `what` of a tree whose own numbers are wrong, at its end. */
extern const char pages_wrong_numbers[];

/*
 * Finds the pages of a transaction (0: of the last one).  Returns NULL, or what
 * is wrong; errno is that of the system call, or 0.  pages_close() is due
 * however it ends.
 */
const char *pages_open(struct pages *, int fd, size_t transaction);
void pages_close(struct pages *);

/* How a tree's keys are ordered. */
enum pages_order {
	PAGES_BYTES,
	PAGES_NUMBERS, /* the free list's: each is a size_t */
};

/*
 * Visits all keys of a tree in order.  Pages that are wrong are complained of
 * and left out with what is below them; so is a number of pages or entries
 * that is not what the tree says.  False: `visit` has ended it, or there is no
 * memory (then with a complaint).
 */
bool pages_walk(struct pages *, const struct pages_tree *, enum pages_order,
    pages_visit *, pages_complain *, void *arg);
/*
 * Finds a key in a tree whose keys are ordered as bytes.  1: *value is valid
 * until the next call; 0: it is not there; -1: a page is wrong.
 */
int pages_get(struct pages *, const struct pages_tree *, struct bytes key,
    struct bytes *value);
/* Finds a named tree; the results are the same. */
int pages_find_tree(struct pages *, const char *name, struct pages_tree *);
/* Checks the free list, after all trees have been walked: no page on it may be
 * in use, or be on it twice. */
void pages_check_free_list(struct pages *, pages_complain *, void *arg);

#endif
