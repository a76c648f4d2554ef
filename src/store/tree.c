/*
 * tree: see tree.h.  Runs in the registry and the checkpointer.
 */

#include <string.h>

#include "store/page.h"
#include "store/tree.h"

static int
fail(struct tree_cursor *c, size_t page, const char *wrong)
{
	c->page = page;
	c->wrong = wrong;
	return -1;
}

static size_t
number_at(const struct tree_cursor *c, size_t level)
{
	return (size_t)(c->levels[level].page - c->map.base) / c->map.page_size;
}

/* Puts a page on a level. */
static int
load(struct tree_cursor *c, size_t level, size_t number)
{
	const uint8_t *page = c->map.base + number * c->map.page_size;
	const char *wrong;
	bool leaf = false;

	if (number < 2 || number >= c->map.count)
		return fail(c, number, "there is no such page");
	wrong = page_check_header(page, c->map.page_size, number, &leaf);
	if (wrong == NULL && leaf != (level + 1 == c->depth))
		wrong = "its tree has another depth there";
	if (wrong != NULL)
		return fail(c, number, wrong);
	c->levels[level].page = page;
	return 1;
}

/* Checks the node at which a level is. */
static int
check_node(struct tree_cursor *c, size_t level)
{
	return page_has_node(c->levels[level].page, c->map.page_size,
		   c->levels[level].i, level + 1 == c->depth) ?
	    1 :
	    fail(c, number_at(c, level), "a record in it is damaged");
}

/* Goes down to the leaf where the key is, or would be; its index may be behind
 * the last node. */
static int
descend(struct tree_cursor *c, const struct tree_map *map,
    const struct pages_tree *t, struct bytes key, bool *same)
{
	size_t level, number = t->root, i;

	c->map = *map;
	c->depth = t->depth;
	*same = false;
	if (t->root == SIZE_MAX)
		return 0;
	if (c->depth == 0 || c->depth > PAGES_DEPTH_MAX)
		return fail(c, number, "the root of a tree is damaged");
	for (level = 0; level < c->depth; level++) {
		if (load(c, level, number) == -1)
			return -1;
		i = page_search(c->levels[level].page, map->page_size, key,
		    level + 1 == c->depth, same);
		if (i == SIZE_MAX)
			return fail(c, number, "a record in it is damaged");
		c->levels[level].i = i;
		if (level + 1 < c->depth)
			number = page_node(c->levels[level].page, i).child;
	}
	return 1;
}

/* Goes to the first leaf of what is behind a level's node. */
static int
next_leaf(struct tree_cursor *c)
{
	size_t level = c->depth - 1;

	do {
		if (level == 0)
			return 0;
		level--;
	} while (++c->levels[level].i >= page_nodes(c->levels[level].page));
	for (; level + 1 < c->depth; level++) {
		if (check_node(c, level) == -1 ||
		    load(c, level + 1,
			page_node(c->levels[level].page, c->levels[level].i)
			    .child) == -1)
			return -1;
		c->levels[level + 1].i = 0;
	}
	return 1;
}

/* If the leaf has no more nodes, its successor has. */
static int
come_to_node(struct tree_cursor *c)
{
	size_t leaf = c->depth - 1;
	int rc;

	if (c->levels[leaf].i >= page_nodes(c->levels[leaf].page) &&
	    (rc = next_leaf(c)) != 1)
		return rc;
	return check_node(c, leaf);
}

int
tree_seek(struct tree_cursor *c, const struct tree_map *map,
    const struct pages_tree *t, struct bytes from)
{
	bool same;
	int rc = descend(c, map, t, from, &same);

	return rc == 1 ? come_to_node(c) : rc;
}

int
tree_next(struct tree_cursor *c)
{
	c->levels[c->depth - 1].i++;
	return come_to_node(c);
}

int
tree_find(struct tree_cursor *c, const struct tree_map *map,
    const struct pages_tree *t, struct bytes key)
{
	bool same;
	int rc = descend(c, map, t, key, &same);

	return rc == 1 ? same : rc;
}

static struct page_node
node(const struct tree_cursor *c)
{
	return page_node(c->levels[c->depth - 1].page,
	    c->levels[c->depth - 1].i);
}

struct bytes
tree_key(const struct tree_cursor *c)
{
	return node(c).key;
}

struct bytes
tree_value(const struct tree_cursor *c)
{
	struct page_node n = node(c);
	struct page_header h;
	const uint8_t *page;
	size_t first;

	if ((n.flags & PAGE_NODE_OVERFLOW) == 0)
		return (struct bytes){ n.data, n.size };
	memcpy(&first, n.data, sizeof(first));
	if (first < 2 || first >= c->map.count ||
	    page_overflow(n.size, c->map.page_size) > c->map.count - first)
		return (struct bytes){ NULL, 0 };
	page = c->map.base + first * c->map.page_size;
	h = page_header_of(page);
	if (h.number != first || h.flags != PAGE_OVERFLOW)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ page + sizeof(h), n.size };
}
