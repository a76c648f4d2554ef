/*
 * The newest version of each key of a sealed segment, in the order in which
 * data.mdb gets them: by database, and then by key.
 */

#ifndef STORE_FOLD_LIST_H
#define STORE_FOLD_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/record_sort.h"
#include "store/table.h"

struct fold_list {
	struct sorted_record *items;
	bool *open; /* of each item: was the first version of its key open? */
	size_t count;
	uint64_t generation; /* of the segment; 0: the list is empty */
};

/* Makes the list of a table, which has to stay as it is.  Returns 0, or -1 when
 * there is no memory. */
int fold_list_make(struct fold_list *, const struct table *);
void fold_list_clear(struct fold_list *);
/* The number of the first item that is not less. */
size_t fold_list_find(const struct fold_list *, unsigned int db,
    struct bytes key);

#endif
