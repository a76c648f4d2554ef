/*
 * Sorts records of a table by their databases and keys; of one key, by where
 * they are.
 */

#ifndef STORE_RECORD_SORT_H
#define STORE_RECORD_SORT_H

#include <stddef.h>
#include <stdint.h>

struct table_record;

struct sorted_record {
	/* The database, and the first bytes in which the keys of that differ:
	 * these decide most comparisons.  record_sort() sets them. */
	uint64_t words[2];
	const struct table_record *record;
	uint32_t number; /* the caller's */
};

/* Sorts `n` of them; `room` has room for as many. */
void record_sort(struct sorted_record *, struct sorted_record *room, size_t n);

#endif
