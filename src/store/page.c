/*
 * page: see page.h.  Runs in the registry, the checkpointer and kvd-maintain,
 * and does not trust the page.
 */

#include <string.h>

#include "store/page.h"

struct node_header {
	uint16_t words[2]; /* the less significant one first on such machines */
	uint16_t flags;
	uint16_t key_size;
};

struct page_header
page_header_of(const uint8_t *page)
{
	struct page_header h;

	memcpy(&h, page, sizeof(h));
	return h;
}

size_t
page_nodes(const uint8_t *page)
{
	return (page_header_of(page).u.bounds.lower -
		   sizeof(struct page_header)) /
	    sizeof(uint16_t);
}

static size_t
node_offset(const uint8_t *page, size_t i)
{
	uint16_t at;

	memcpy(&at, page + sizeof(struct page_header) + i * sizeof(at),
	    sizeof(at));
	return at;
}

static void
take_numbers(const struct node_header *h, struct page_node *n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	size_t low = h->words[0], high = h->words[1];
#else
	size_t low = h->words[1], high = h->words[0];
#endif

	n->size = low | high << 16;
	n->child = n->size;
#if SIZE_MAX > UINT32_MAX
	n->child |= (size_t)h->flags << 32;
#endif
}

struct page_node
page_node(const uint8_t *page, size_t i)
{
	const uint8_t *at = page + node_offset(page, i);
	struct node_header h;
	struct page_node n;

	memcpy(&h, at, sizeof(h));
	take_numbers(&h, &n);
	n.flags = h.flags;
	n.key = (struct bytes){ at + sizeof(h), h.key_size };
	n.data = at + sizeof(h) + h.key_size;
	return n;
}

/* The size of a node, with its key and what it has of its value; 0: it is
 * none. */
static size_t
node_size(const uint8_t *page, size_t page_size, size_t i, bool leaf)
{
	size_t at = node_offset(page, i), size;
	struct page_node n;

	if (at % 2 != 0 || at < page_header_of(page).u.bounds.upper ||
	    at + sizeof(struct node_header) > page_size)
		return 0;
	n = page_node(page, i);
	if (n.key.size > PAGE_KEY_MAX ||
	    (leaf && (n.flags & ~(PAGE_NODE_OVERFLOW | PAGE_NODE_TREE)) != 0))
		return 0;
	size = sizeof(struct node_header) + n.key.size;
	if (leaf && (n.flags & PAGE_NODE_OVERFLOW) == 0 && n.size > page_size)
		return 0;
	if (leaf)
		size += n.flags & PAGE_NODE_OVERFLOW ? sizeof(size_t) : n.size;
	size += size % 2;
	return at + size <= page_size ? size : 0;
}

bool
page_has_node(const uint8_t *page, size_t page_size, size_t i, bool leaf)
{
	return node_size(page, page_size, i, leaf) != 0;
}

const char *
page_check_header(const uint8_t *page, size_t page_size, size_t number,
    bool *leaf)
{
	struct page_header h = page_header_of(page);

	*leaf = h.flags == PAGE_LEAF;
	if (h.number != number || (!*leaf && h.flags != PAGE_BRANCH))
		return "something else is in its place";
	if (h.u.bounds.lower <= sizeof(h) || h.u.bounds.lower % 2 != 0 ||
	    h.u.bounds.lower > h.u.bounds.upper || h.u.bounds.upper > page_size)
		return "its bounds are damaged";
	return NULL;
}

const char *
page_check(const uint8_t *page, size_t page_size, size_t number, bool *leaf)
{
	const char *wrong = page_check_header(page, page_size, number, leaf);
	size_t i, size, sum = 0;

	if (wrong != NULL)
		return wrong;
	for (i = 0; i < page_nodes(page); i++) {
		if ((size = node_size(page, page_size, i, *leaf)) == 0)
			return "a record in it is damaged";
		sum += size;
	}
	return sum == page_size - page_header_of(page).u.bounds.upper ?
	    NULL :
	    "its records do not fill it";
}

size_t
page_search(const uint8_t *page, size_t page_size, struct bytes key, bool leaf,
    bool *same)
{
	size_t low = leaf ? 0 : 1, high = page_nodes(page), middle;
	int order;

	*same = false;
	while (low < high) {
		middle = (low + high) / 2;
		if (!page_has_node(page, page_size, middle, leaf))
			return SIZE_MAX;
		order = bytes_compare(key, page_node(page, middle).key);
		if (order == 0) {
			*same = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	low -= !leaf;
	return low >= page_nodes(page) ||
		page_has_node(page, page_size, low, leaf) ?
	    low :
	    SIZE_MAX;
}
