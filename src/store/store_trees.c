/*
 * store_trees: the map through which data.mdb is read, and where its trees are.
 * Runs in the registry and the checkpointer.
 *
 * LMDB says which transaction a view reads, and keeps its pages as they are.
 * The pages themselves are read here (store/tree.h).
 */

#include <sys/mman.h>

#include <errno.h>
#include <string.h>

#include "store/page.h"
#include "store/store_lmdb.h"

/* How much of data.mdb can be mapped. */
#if SIZE_MAX > UINT32_MAX
#define MAP_MAX ((size_t)1 << 42)
#else
#define MAP_MAX ((size_t)1 << 30)
#endif

const char *const store_tree_names[DB_COUNT] = { [DB_META] = "meta",
	[DB_BUCKETS] = "buckets",
	[DB_ENTRIES] = "entries",
	[DB_EXPIRIES] = "expiries",
	[DB_DROPPED] = "dropped",
	[DB_OUTCOMES] = "outcomes" };

/* More than the file will ever have, or as much as there are addresses for. */
enum store_result
store_map(struct store *s)
{
	size_t size = MAP_MAX;
	void *base;

	for (;; size /= 2) {
		base = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE,
		    s->fd, 0);
		if (base != MAP_FAILED)
			break;
		if (errno != ENOMEM || size / 2 < STORE_SIZE_MIN ||
		    size / 2 < s->allocated)
			return store_fail_rc(s, errno, STORE_FAILED,
			    "%s/data.mdb: cannot map", s->dir);
	}
	s->map = base;
	s->map_size = size;
	return STORE_OK;
}

void
store_unmap(struct store *s)
{
	if (s->map != NULL)
		(void)munmap(s->map, s->map_size);
	s->map = NULL;
}

enum store_result
store_fail_page(struct store *s, const struct tree_cursor *c)
{
	return store_fail(s, STORE_FAILED,
	    "%s/data.mdb: page %zu is damaged: %s", s->dir, c->page, c->wrong);
}

/* *meta is the first page of the transaction; false: another one has been
 * written over it meanwhile. */
static bool
read_meta(const struct store *s, uint64_t transaction, struct pages_meta *meta)
{
	const uint8_t *page =
	    (const uint8_t *)s->map + (transaction & 1) * s->page_size;

	return pages_take_meta(page, meta) && meta->transaction == transaction;
}

static enum store_result
find_trees(struct store *s, struct store_trees *t, const struct pages_tree *all)
{
	struct tree_cursor c;
	int db, rc;

	for (db = 0; db < DB_COUNT; db++) {
		rc = tree_find(&c, &t->map, all,
		    bytes_from_text(store_tree_names[db]));
		if (rc == -1)
			return store_fail_page(s, &c);
		if (rc == 0 || !pages_take_tree(tree_value(&c), &t->trees[db]))
			return store_fail(s, STORE_FAILED,
			    "%s/data.mdb: its list of trees is damaged",
			    s->dir);
	}
	return STORE_OK;
}

enum store_result
store_trees_find(struct store *s, struct store_trees *t, uint64_t transaction,
    bool *gone)
{
	struct pages_meta meta;
	enum store_result result;

	*gone = false;
	if (t->transaction == transaction && t->map.base == s->map)
		return STORE_OK;
	t->transaction = 0;
	*gone = !read_meta(s, transaction, &meta);
	if (*gone)
		return STORE_OK;
	t->map = (struct tree_map){ s->map, s->page_size, meta.count };
	if (meta.count > s->map_size / s->page_size)
		return store_fail_memory(s, "a map of data.mdb");
	if ((result = find_trees(s, t, &meta.main)) == STORE_OK)
		t->transaction = transaction;
	return result;
}
