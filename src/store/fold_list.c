/*
 * fold_list: what a segment brings into data.mdb.  Runs in the checkpointer.
 *
 * The segment is sorted once.  It needs no index, for nobody looks for a key.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold_list.h"

#define WORDS (sizeof(((struct fold_item *)NULL)->words) / sizeof(uint64_t))

static struct fold_item
item_of(unsigned int db, struct bytes key, const struct table_record *r)
{
	struct fold_item item = { .record = r };
	uint8_t *first = (uint8_t *)item.words;
	size_t i, n = sizeof(item.words) - 1;

	first[0] = (uint8_t)db;
	if (key.size > 0) /* then data may be NULL */
		memcpy(first + 1, key.data, key.size < n ? key.size : n);
	for (i = 0; i < WORDS; i++)
		item.words[i] = be64toh(item.words[i]);
	return item;
}

static int
compare_words(const struct fold_item *a, const struct fold_item *b)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		if (a->words[i] != b->words[i])
			return a->words[i] < b->words[i] ? -1 : 1;
	return 0;
}

static int
compare_keys(const struct fold_item *a, const struct fold_item *b)
{
	int order = compare_words(a, b);

	return order != 0 ? order :
			    bytes_compare(table_record_key(a->record),
				table_record_key(b->record));
}

/* Of the versions of a key, the newest is last. */
static int
compare_items(const void *a, const void *b)
{
	const struct fold_item *x = a, *y = b;
	int order = compare_keys(x, y);

	if (order != 0)
		return order;
	return x->record < y->record ? -1 : x->record > y->record;
}

static void
add_commit(struct fold_list *l, const struct segment_commit *c)
{
	const uint8_t *at = (const uint8_t *)(c + 1);
	const uint8_t *end = (const uint8_t *)c + c->size;
	const struct table_record *r;

	for (; at < end; at += table_record_size(r)) {
		r = (const void *)at;
		l->items[l->count++] = item_of(r->db, table_record_key(r), r);
	}
}

static void
leave_newest(struct fold_list *l)
{
	size_t first = 0, from, to = 0;

	for (from = 0; from < l->count; from++) {
		if (from + 1 < l->count &&
		    compare_keys(&l->items[from], &l->items[from + 1]) == 0)
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
	uint32_t i;

	l->items = calloc(t->records + 1, sizeof(l->items[0]));
	l->open = calloc(t->records + 1, sizeof(l->open[0]));
	if (l->items == NULL || l->open == NULL) {
		fold_list_clear(l);
		return -1;
	}
	l->count = 0;
	l->generation = t->generation;
	for (i = 0; i < t->n_commits; i++)
		add_commit(l, (const void *)(t->image + t->commits[i]));
	qsort(l->items, l->count, sizeof(l->items[0]), compare_items);
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
	const struct fold_item wanted = item_of(db, key, NULL);
	size_t low = 0, high = l->count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = compare_words(&l->items[middle], &wanted);
		if (order == 0)
			order = bytes_compare(
			    table_record_key(l->items[middle].record), key);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
