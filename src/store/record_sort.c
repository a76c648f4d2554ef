/*
 * record_sort: see record_sort.h.  Runs in the registry and the checkpointer.
 *
 * This is a radix sort by the first word of each record, one pass for each of
 * its bytes, the least significant first.  A pass counts how often the byte has
 * each value, and moves the records to where they belong by that; records with
 * the same byte keep their order.  A few passes cost less than the dozen or more
 * comparisons that each record would need.  Those whose first words are equal,
 * usually few, are then compared.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/record_sort.h"
#include "store/table_record.h"

/* Fewer are compared at once. */
#define COMPARED_MAX 128
#define BYTE_VALUES 256

/* How many bytes the keys of one database have in common at their start. */
struct common {
	struct bytes key; /* one of them; no data: there is none yet */
	size_t size;
};

static void
find_common(const struct sorted_record *items, size_t n,
    struct common common[DB_COUNT])
{
	struct common *c;
	struct bytes key;
	size_t i;

	for (i = 0; i < n; i++) {
		c = &common[items[i].record->db];
		key = table_record_key(items[i].record);
		if (c->key.data == NULL)
			*c = (struct common){ key, key.size };
		c->size =
		    bytes_common((struct bytes){ c->key.data, c->size }, key);
	}
}

/* The database and the bytes behind those in common; with zeros behind the key's
 * end, which are not greater than what a longer key has there. */
static void
set_words(struct sorted_record *s, const struct common *common)
{
	size_t skip = common[s->record->db].size, i;
	size_t rest = s->record->key_size - skip, room = sizeof(s->words) - 1;
	uint8_t *bytes = (uint8_t *)s->words;

	memset(s->words, 0, sizeof(s->words));
	bytes[0] = s->record->db;
	memcpy(bytes + 1,
	    (const uint8_t *)table_record_key(s->record).data + skip,
	    rest < room ? rest : room);
	for (i = 0; i < 2; i++)
		s->words[i] = be64toh(s->words[i]);
}

static int
compare(const void *left, const void *right)
{
	const struct sorted_record *a = left, *b = right;
	size_t i;
	int order;

	for (i = 0; i < 2; i++)
		if (a->words[i] != b->words[i])
			return a->words[i] < b->words[i] ? -1 : 1;
	order = bytes_compare(table_record_key(a->record),
	    table_record_key(b->record));
	if (order != 0)
		return order;
	return a->record < b->record ? -1 : a->record > b->record;
}

static size_t
byte_of(const struct sorted_record *s, unsigned int shift)
{
	return s->words[0] >> shift & (BYTE_VALUES - 1);
}

/* Sorts by one byte. */
static void
sort_by_byte(const struct sorted_record *from, struct sorted_record *to,
    size_t n, unsigned int shift)
{
	size_t starts[BYTE_VALUES] = { 0 }, i, count, start = 0;

	for (i = 0; i < n; i++)
		starts[byte_of(&from[i], shift)]++;
	for (i = 0; i < BYTE_VALUES; i++) {
		count = starts[i];
		starts[i] = start;
		start += count;
	}
	for (i = 0; i < n; i++)
		to[starts[byte_of(&from[i], shift)]++] = from[i];
}

static void
sort_by_first_word(struct sorted_record *items, struct sorted_record *room,
    size_t n)
{
	struct sorted_record *from = items, *to = room, *other;
	uint64_t differ = 0;
	unsigned int shift;
	size_t i;

	for (i = 1; i < n; i++)
		differ |= items[i].words[0] ^ items[0].words[0];
	for (shift = 0; shift < 64; shift += 8) {
		if ((differ >> shift & (BYTE_VALUES - 1)) == 0)
			continue;
		sort_by_byte(from, to, n, shift);
		other = from;
		from = to;
		to = other;
	}
	if (from != items)
		memcpy(items, from, n * sizeof(*items));
}

/* Sorts those whose first words are equal. */
static void
sort_rest(struct sorted_record *items, size_t n)
{
	size_t first, end;

	for (first = 0; first < n; first = end) {
		for (end = first + 1;
		     end < n && items[end].words[0] == items[first].words[0];
		     end++)
			;
		if (end - first > 1)
			qsort(items + first, end - first, sizeof(*items),
			    compare);
	}
}

void
record_sort(struct sorted_record *items, struct sorted_record *room, size_t n)
{
	struct common common[DB_COUNT] = { { .size = 0 } };
	size_t i;

	find_common(items, n, common);
	for (i = 0; i < n; i++)
		set_words(&items[i], common);
	if (n > COMPARED_MAX) {
		sort_by_first_word(items, room, n);
		sort_rest(items, n);
	} else if (n > 0)
		qsort(items, n, sizeof(*items), compare);
}
