/*
 * fold_list: what a segment brings into data.mdb.  Runs in the checkpointer.
 *
 * The segment is sorted once.  It needs no index, for nobody looks for a key.
 */

#include <stdlib.h>

#include "store/fold_list.h"

static void
add_commit(struct fold_list *l, const struct segment_commit *c)
{
	const uint8_t *at = (const uint8_t *)(c + 1);
	const uint8_t *end = (const uint8_t *)c + c->size;
	const struct table_record *r;

	for (; at < end; at += table_record_size(r)) {
		r = (const void *)at;
		l->items[l->count++].record = r;
	}
}

/* Are these versions of one key? */
static bool
is_same(const struct sorted_record *a, const struct sorted_record *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] &&
	    bytes_equal(table_record_key(a->record),
		table_record_key(b->record));
}

static void
leave_newest(struct fold_list *l)
{
	size_t first = 0, from, to = 0;

	for (from = 0; from < l->count; from++) {
		if (from + 1 < l->count &&
		    is_same(&l->items[from], &l->items[from + 1]))
			continue;
		l->open[to] = l->items[first].record->open;
		l->items[to++] = l->items[from];
		first = from + 1;
	}
	l->count = to;
}

int
fold_list_make(struct fold_list *l, const struct table *t)
{
	size_t max = t->records + 1;
	struct sorted_record *room;
	uint32_t i;

	l->items = reallocarray(NULL, max, sizeof(l->items[0]));
	l->open = reallocarray(NULL, max, sizeof(l->open[0]));
	room = reallocarray(NULL, max, sizeof(*room));
	if (l->items == NULL || l->open == NULL || room == NULL) {
		free(room);
		fold_list_clear(l);
		return -1;
	}
	l->count = 0;
	l->generation = t->generation;
	for (i = 0; i < t->n_commits; i++)
		add_commit(l, (const void *)(t->image + t->commits[i]));
	record_sort(l->items, room, l->count);
	free(room);
	leave_newest(l);
	return 0;
}

void
fold_list_clear(struct fold_list *l)
{
	free(l->items);
	free(l->open);
	*l = (struct fold_list){ .items = NULL };
}

size_t
fold_list_find(const struct fold_list *l, unsigned int db, struct bytes key)
{
	size_t low = 0, high = l->count, middle;
	const struct table_record *r;

	while (low < high) {
		middle = low + (high - low) / 2;
		r = l->items[middle].record;
		if (r->db < db ||
		    (r->db == db &&
			bytes_compare(table_record_key(r), key) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
