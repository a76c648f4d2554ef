/*
 * store_guard: looks at the pages that LMDB is going to change, before it does.
 * Runs in the checkpointer.
 *
 * LMDB frees the pages that it replaces by the numbers that are in them, and
 * joins pages that lie beside each other.  So a damaged page would damage
 * others, which may be of other buckets.  Each page that a write leads to is
 * checked here from one end to the other, once in a transaction, as it was when
 * the transaction began: LMDB does not write over that before the next but one.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/page.h"
#include "store/store_record.h"

static int
fail(struct store *s, size_t number, const char *wrong)
{
	const struct tree_cursor c = { .page = number, .wrong = wrong };

	(void)store_fail_page(s, &c);
	return GUARD_DAMAGED;
}

static bool
is_in_order(const uint8_t *page, bool leaf, struct bytes from, struct bytes to)
{
	size_t n = page_nodes(page), i = leaf ? 0 : 1;
	struct bytes key, before = from;
	bool first = true;
	int order;

	for (; i < n; i++, first = false) {
		key = page_node(page, i).key;
		order = before.data == NULL ? -1 : bytes_compare(before, key);
		if (order > 0 || (order == 0 && !first))
			return false;
		before = key;
	}
	return first || to.data == NULL || bytes_compare(before, to) < 0;
}

static bool
was_checked(struct store_guard *g, size_t number)
{
	return (g->checked[number / 8] & 1 << number % 8) != 0;
}

/* Do its first and its last key belong there?  All between are in order. */
static bool
belongs(const uint8_t *page, bool leaf, struct bytes from, struct bytes to)
{
	size_t n = page_nodes(page), i = leaf ? 0 : 1;

	if (i >= n)
		return true;
	return (from.data == NULL ||
		   bytes_compare(from, page_node(page, i).key) <= 0) &&
	    (to.data == NULL ||
		bytes_compare(page_node(page, n - 1).key, to) < 0);
}

static int
check_page(struct store *s, const struct pages_tree *t, struct guard_place *p)
{
	const struct tree_map *map = &s->guard.data.map;
	bool leaf, leaf_wanted = p->level + 1 == t->depth;
	const char *wrong;

	if (p->number < 2 || p->number >= map->count)
		return fail(s, p->number, "there is no such page");
	p->page = map->base + p->number * map->page_size;
	if (was_checked(&s->guard, p->number)) {
		/* It may have been found below another page. */
		leaf = page_header_of(p->page).flags == PAGE_LEAF;
		return leaf == leaf_wanted &&
			belongs(p->page, leaf, p->from, p->to) ?
		    0 :
		    fail(s, p->number, "something else is in its place");
	}
	wrong = page_check(p->page, map->page_size, p->number, &leaf);
	if (wrong == NULL && leaf != leaf_wanted)
		wrong = "its tree has another depth there";
	if (wrong == NULL && !is_in_order(p->page, leaf, p->from, p->to))
		wrong = "its keys are out of order";
	if (wrong != NULL)
		return fail(s, p->number, wrong);
	s->guard.checked[p->number / 8] |= (uint8_t)(1 << p->number % 8);
	return 0;
}

/* The page below a branch's node. */
static struct guard_place
below(const struct guard_place *p, size_t i)
{
	struct guard_place child = { page_node(p->page, i).child, p->level + 1,
		p->from, p->to, NULL };

	if (i > 0)
		child.from = page_node(p->page, i).key;
	if (i + 1 < page_nodes(p->page))
		child.to = page_node(p->page, i + 1).key;
	return child;
}

/* LMDB joins a page of which little is left with one beside it. */
static int
check_beside(struct store *s, const struct pages_tree *t,
    const struct guard_place *p, size_t i)
{
	struct guard_place other;
	int rc = 0;

	if (i > 0) {
		other = below(p, i - 1);
		rc = check_page(s, t, &other);
	}
	if (rc == 0 && i + 1 < page_nodes(p->page)) {
		other = below(p, i + 1);
		rc = check_page(s, t, &other);
	}
	return rc;
}

struct look {
	struct store *store;
	bool sound;
};

static bool
visit(void *arg, struct bytes key, struct bytes value)
{
	const struct look *l = arg;

	(void)key;
	(void)value;
	store_stay_alive(l->store);
	return true;
}

static void
complain(void *arg, size_t page, const char *what)
{
	struct look *l = arg;

	(void)page;
	l->sound = l->sound && what == pages_wrong_numbers;
}

/*
 * A value with more pages than it needs: stores that were made by earlier kvds
 * have such ones.  But if the number is damaged, LMDB would free pages of
 * others.  Only all pages together tell, and they are looked at once.  Returns
 * 0, GUARD_DAMAGED, or an errno.
 */
static int
check_all(struct store *s)
{
	struct look l = { s, true };
	struct pages p;
	int db, lacking = 0;

	errno = 0;
	if (pages_open(&p, s->fd, s->guard.data.transaction) != NULL) {
		lacking = errno;
		l.sound = false;
	} else if (!pages_walk(&p, &p.main, PAGES_BYTES, visit, complain, &l))
		l.sound = false;
	for (db = 0; l.sound && db < DB_COUNT; db++)
		if (!pages_walk(&p, &s->guard.data.trees[db], PAGES_BYTES,
			visit, complain, &l))
			l.sound = false;
	if (l.sound)
		pages_check_free_list(&p, complain, &l);
	pages_close(&p);
	if (lacking != 0)
		return lacking;
	return l.sound ? 0 : GUARD_DAMAGED;
}

enum store_result
guard_full(struct store *s)
{
	struct look l = { s, true };
	struct pages p;

	if (pages_open(&p, s->fd, s->guard.data.transaction) == NULL)
		pages_check_free_list(&p, complain, &l);
	pages_close(&p);
	return l.sound ?
	    STORE_FULL :
	    store_fail(s, STORE_FAILED,
		"%s/data.mdb: the list of free pages is damaged", s->dir);
}

static int
check_overflow(struct store *s, const struct page_node *n)
{
	const struct tree_map *map = &s->guard.data.map;
	size_t need = page_overflow(n->size, map->page_size), first;
	struct page_header h;
	int rc;

	memcpy(&first, n->data, sizeof(first));
	if (first < 2 || first >= map->count)
		return fail(s, first, "there is no such page");
	h = page_header_of(map->base + first * map->page_size);
	if (h.number != first || h.flags != PAGE_OVERFLOW || h.u.pages < need ||
	    h.u.pages > map->count - first)
		return fail(s, first, "something else is in its place");
	if (h.u.pages == need || s->guard.allows_more)
		return 0;
	if ((rc = check_all(s)) == GUARD_DAMAGED)
		return fail(s, first, "it has too many pages, or others do");
	s->guard.allows_more = rc == 0;
	return rc;
}

static int
check_leaf(struct store *s, const struct guard_place *p, struct bytes key)
{
	struct page_node n;
	bool same;
	size_t i =
	    page_search(p->page, s->guard.data.map.page_size, key, true, &same);

	if (!same)
		return 0;
	n = page_node(p->page, i);
	return n.flags & PAGE_NODE_OVERFLOW ? check_overflow(s, &n) : 0;
}

/* Goes down to the leaf of a key, which then is checked as all pages on the way
 * are. */
static int
find_leaf(struct store *s, enum table_db db, struct bytes key, bool deletes,
    struct guard_place *p)
{
	const struct pages_tree *t = &s->guard.data.trees[db];
	bool same;
	size_t i;
	int rc;

	*p = (struct guard_place){ .number = t->root };
	while ((rc = check_page(s, t, p)) == 0 && p->level + 1 < t->depth) {
		i = page_search(p->page, s->guard.data.map.page_size, key,
		    false, &same);
		if (deletes && (rc = check_beside(s, t, p, i)) != 0)
			break;
		*p = below(p, i);
	}
	return rc;
}

/* Does the key belong to the leaf to which the last write has led?  A fold goes
 * through the keys in order. */
static bool
is_same_leaf(const struct store_guard *g, enum table_db db, struct bytes key,
    bool deletes)
{
	const struct guard_place *p = &g->leaf;

	return p->page != NULL && g->leaf_db == db &&
	    (g->leaf_beside || !deletes) &&
	    (p->from.data == NULL || bytes_compare(p->from, key) <= 0) &&
	    (p->to.data == NULL || bytes_compare(key, p->to) < 0);
}

int
guard_write(struct store *s, enum table_db db, struct bytes key, bool deletes)
{
	struct store_guard *g = &s->guard;
	int rc;

	if (g->data.trees[db].root == SIZE_MAX)
		return 0;
	if (!is_same_leaf(g, db, key, deletes)) {
		rc = find_leaf(s, db, key, deletes, &g->leaf);
		if (rc != 0) {
			g->leaf.page = NULL;
			return rc;
		}
		g->leaf_db = db;
		g->leaf_beside = deletes;
	}
	return check_leaf(s, &g->leaf, key);
}

int
guard_begin(struct store *s, MDB_txn *txn)
{
	struct store_guard *g = &s->guard;
	enum store_result result;
	uint8_t *more;
	size_t size;
	bool gone;

	result = store_trees_find(s, &g->data, mdb_txn_id(txn) - 1, &gone);
	if (result != STORE_OK)
		return GUARD_DAMAGED;
	if (gone)
		return MDB_CORRUPTED;
	size = g->data.map.count / 8 + 1;
	if (size > g->size) {
		if ((more = realloc(g->checked, size)) == NULL)
			return ENOMEM;
		g->checked = more;
		g->size = size;
	}
	memset(g->checked, 0, size);
	g->leaf.page = NULL;
	return 0;
}

void
guard_end(struct store *s)
{
	free(s->guard.checked);
	s->guard.checked = NULL;
}
