/*
 * pages: see pages.h.  Runs in kvd-maintain, in the checkpointer and, for
 * the first pages, in the registry.  None of them trusts the file.
 */

#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/page.h"
#include "store/pages.h"

#define FILE_MAGIC 0xbeefc0de
#define FILE_VERSION 1
#define PAGE_SIZE_MIN 512
#define PAGE_SIZE_MAX 65536

/* The free list's keys are numbers.  Beside its own flags it has those with
 * which the file was made. */
#define TREE_FLAGS 0xff
#define TREE_NUMBERS 0x08

const char pages_wrong_numbers[] =
    "its tree has another number of pages or records than it says";

/* How often a transaction's page is looked for, while others commit. */
#define TRIES 1000

struct disk_tree {
	uint32_t pad;
	uint16_t flags, depth;
	size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct disk_meta {
	uint32_t magic, version;
	size_t address, map_size;
	struct disk_tree trees[2];
	size_t last_page, transaction;
};

static_assert(sizeof(struct disk_tree) == 8 + 5 * sizeof(size_t), "LMDB's");

/* A walk. */
struct walk {
	struct pages *pages;
	enum pages_order order;
	pages_visit *visit;
	pages_complain *complain;
	void *arg;
	size_t depth; /* that the tree says */
	struct pages_tree found; /* its numbers, as counted */
	uint8_t last[PAGE_KEY_MAX]; /* the key before */
	struct bytes last_key; /* in it; data is NULL: there is none */
};

static bool
read_at(struct pages *p, void *data, size_t size, size_t at)
{
	uint8_t *to = data;
	ssize_t n;

	while (size > 0) {
		n = pread(p->fd, to, size, (off_t)at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? 0 : errno;
			return false;
		}
		to += n;
		at += (size_t)n;
		size -= (size_t)n;
		p->read_bytes += (uint64_t)n;
	}
	return true;
}

static struct pages_tree
take_tree(const struct disk_tree *t)
{
	return (struct pages_tree){ t->pad, t->flags, t->depth, t->branch_pages,
		t->leaf_pages, t->overflow_pages, t->entries, t->root };
}

bool
pages_take_tree(struct bytes record, struct pages_tree *t)
{
	struct disk_tree disk;

	if (record.size != sizeof(disk))
		return false;
	memcpy(&disk, record.data, sizeof(disk));
	*t = take_tree(&disk);
	return t->flags == 0 && t->pad == 0;
}

bool
pages_take_meta(const uint8_t *page, struct pages_meta *meta)
{
	struct disk_meta m;

	memcpy(&m, page + sizeof(struct page_header), sizeof(m));
	if (page_header_of(page).flags != PAGE_META || m.magic != FILE_MAGIC ||
	    m.version != FILE_VERSION)
		return false;
	*meta = (struct pages_meta){ take_tree(&m.trees[0]),
		take_tree(&m.trees[1]), m.last_page + 1, m.transaction };
	return true;
}

static const char *
read_meta(struct pages *p, size_t page, struct disk_meta *m)
{
	struct page_header h;
	uint8_t data[sizeof(h) + sizeof(*m)];

	if (!read_at(p, data, sizeof(data), page * p->page_size))
		return "cannot read the pages that say where the others are";
	memcpy(&h, data, sizeof(h));
	memcpy(m, data + sizeof(h), sizeof(*m));
	errno = 0;
	if (h.number != page || h.flags != PAGE_META || m->magic != FILE_MAGIC)
		return "a page that says where the others are is damaged";
	if (m->version != FILE_VERSION)
		return "made by another version of LMDB";
	if (m->trees[0].pad < PAGE_SIZE_MIN ||
	    m->trees[0].pad > PAGE_SIZE_MAX ||
	    (m->trees[0].pad & (m->trees[0].pad - 1)) != 0 ||
	    (m->trees[0].flags & TREE_FLAGS) != TREE_NUMBERS ||
	    m->trees[1].flags != 0)
		return "a page that says where the others are is damaged";
	return NULL;
}

/* Both are read each time: one of them may be written meanwhile. */
static const char *
find_meta(struct pages *p, size_t transaction, struct disk_meta *meta)
{
	struct disk_meta metas[2];
	const char *wrong = NULL;
	int i, tries;

	for (tries = 0; tries < TRIES; tries++) {
		p->page_size = 0;
		if ((wrong = read_meta(p, 0, &metas[0])) != NULL)
			continue;
		p->page_size = metas[0].trees[0].pad;
		if ((wrong = read_meta(p, 1, &metas[1])) != NULL)
			continue;
		if (metas[1].trees[0].pad != p->page_size)
			return "its two first pages contradict each other";
		i = metas[1].transaction > metas[0].transaction;
		if (transaction != 0 && metas[i].transaction != transaction)
			i = 1 - i;
		*meta = metas[i];
		if (transaction == 0 || meta->transaction == transaction)
			return NULL;
		wrong = "its last transaction is not there";
	}
	return wrong;
}

const char *
pages_open(struct pages *p, int fd, size_t transaction)
{
	struct disk_meta m = { .magic = 0 };
	const char *wrong;
	struct stat st;
	size_t i;

	memset(p, 0, sizeof(*p));
	p->fd = fd;
	if ((wrong = find_meta(p, transaction, &m)) != NULL)
		return wrong;
	if (fstat(fd, &st) == -1)
		return "cannot tell its size";
	p->count = m.last_page + 1;
	p->transaction = m.transaction;
	p->free_list = take_tree(&m.trees[0]);
	p->main = take_tree(&m.trees[1]);
	errno = 0;
	if (m.last_page < 1 || m.last_page >= (size_t)st.st_size / p->page_size)
		return "it is cut short";
	if ((p->seen = calloc(p->count / 8 + 1, 1)) == NULL)
		return "out of memory";
	p->seen[0] = 3; /* the pages that were just read */
	for (i = 0; i < PAGES_DEPTH_MAX; i++)
		if ((p->levels[i] = malloc(p->page_size)) == NULL)
			return "out of memory";
	return NULL;
}

void
pages_close(struct pages *p)
{
	size_t i;

	for (i = 0; i < PAGES_DEPTH_MAX; i++)
		free(p->levels[i]);
	free(p->seen);
	free(p->value);
	memset(p, 0, sizeof(*p));
	p->fd = -1;
}

/* False: it was in use already. */
static bool
mark_seen(struct pages *p, size_t page)
{
	uint8_t bit = (uint8_t)(1 << page % 8);
	bool fresh = (p->seen[page / 8] & bit) == 0;

	p->seen[page / 8] |= bit;
	return fresh;
}

/* Reads a page of a tree. */
static const char *
read_page(struct pages *p, size_t number, uint8_t *page, bool *leaf)
{
	if (number < 2 || number >= p->count)
		return "there is no such page";
	if (!read_at(p, page, p->page_size, number * p->page_size))
		return errno == 0 ? "the file ends before it" :
				    "the disk cannot read it";
	return page_check(page, p->page_size, number, leaf);
}

static int
compare(enum pages_order order, struct bytes a, struct bytes b)
{
	size_t x, y;

	if (order == PAGES_BYTES || a.size != sizeof(x) || b.size != sizeof(y))
		return bytes_compare(a, b);
	memcpy(&x, a.data, sizeof(x));
	memcpy(&y, b.data, sizeof(y));
	return x < y ? -1 : x > y;
}

static bool
reserve_value(struct pages *p, size_t size)
{
	uint8_t *value;

	if (size <= p->value_size)
		return true;
	if ((value = realloc(p->value, size)) == NULL)
		return false;
	p->value = value;
	p->value_size = size;
	return true;
}

/* Reads a value that has pages of its own.  *first and *pages say which. */
static const char *
read_value(struct pages *p, const struct page_node *n, size_t *first,
    size_t *pages)
{
	size_t need = page_overflow(n->size, p->page_size);
	struct page_header h;

	memcpy(first, n->data, sizeof(*first));
	*pages = 0;
	if (*first < 2 || *first >= p->count)
		return "there is no such page";
	if (!read_at(p, &h, sizeof(h), *first * p->page_size))
		return "the disk cannot read it";
	if (h.number != *first || h.flags != PAGE_OVERFLOW ||
	    h.u.pages < need || h.u.pages > p->count - *first)
		return "something else is in its place";
	if (!reserve_value(p, n->size))
		return "there is no memory to read it";
	if (!read_at(p, p->value, n->size, *first * p->page_size + sizeof(h)))
		return "the disk cannot read it";
	*pages = h.u.pages;
	return NULL;
}

static const char *
get_value(struct pages *p, const struct page_node *n, struct bytes *value)
{
	size_t first, pages;
	const char *wrong;

	*value = (struct bytes){ n->data, n->size };
	if ((n->flags & PAGE_NODE_OVERFLOW) == 0)
		return NULL;
	if ((wrong = read_value(p, n, &first, &pages)) != NULL)
		return wrong;
	value->data = p->value;
	return NULL;
}

/* The same, in a walk, which counts the pages. */
static const char *
walk_value(struct walk *w, const struct page_node *n, struct bytes *value,
    size_t *page)
{
	size_t pages = 0, i;
	const char *wrong;

	*value = (struct bytes){ n->data, n->size };
	if ((n->flags & PAGE_NODE_OVERFLOW) == 0)
		return NULL;
	wrong = read_value(w->pages, n, page, &pages);
	for (i = 0; wrong == NULL && i < pages; i++)
		if (!mark_seen(w->pages, *page + i))
			wrong = "it is used twice";
	value->data = w->pages->value;
	w->found.overflow_pages += pages;
	return wrong;
}

static bool
is_in_order(struct walk *w, struct bytes key)
{
	if (w->last_key.data != NULL &&
	    compare(w->order, w->last_key, key) >= 0)
		return false;
	memcpy(w->last, key.data, key.size);
	w->last_key = (struct bytes){ w->last, key.size };
	return true;
}

static bool
walk_leaf(struct walk *w, size_t number, const uint8_t *page)
{
	size_t i, where = number;
	const char *wrong;
	struct bytes value;
	struct page_node n;

	for (i = 0; i < page_nodes(page); i++) {
		n = page_node(page, i);
		w->found.entries++;
		if (!is_in_order(w, n.key)) {
			w->complain(w->arg, number,
			    "its keys are out of order");
			continue;
		}
		if ((wrong = walk_value(w, &n, &value, &where)) != NULL)
			w->complain(w->arg, where, wrong);
		else if (!w->visit(w->arg, n.key, value))
			return false;
	}
	return true;
}

static bool walk_page(struct walk *, size_t number, size_t depth,
    struct bytes from);

/* All keys below a branch's node are not less than the node's key.  The first
 * node's key counts as less than any. */
static bool
walk_branch(struct walk *w, const uint8_t *page, size_t depth,
    struct bytes from)
{
	struct page_node n;
	size_t i;

	for (i = 0; i < page_nodes(page); i++) {
		n = page_node(page, i);
		if (!walk_page(w, n.child, depth + 1, i == 0 ? from : n.key))
			return false;
	}
	return true;
}

/* What was read before must be less than `from`, and the page not. */
static const char *
check_from(const struct walk *w, const uint8_t *page, bool leaf,
    struct bytes from)
{
	size_t first = leaf ? 0 : 1;

	if (from.size == 0)
		return NULL;
	if (w->last_key.data != NULL &&
	    compare(w->order, w->last_key, from) >= 0)
		return "its keys do not follow those before";
	return first < page_nodes(page) &&
		compare(w->order, page_node(page, first).key, from) < 0 ?
	    "its keys are not those that belong there" :
	    NULL;
}

static bool
walk_page(struct walk *w, size_t number, size_t depth, struct bytes from)
{
	const char *wrong;
	uint8_t *page;
	bool leaf = false;

	w->pages->level = depth;
	if (depth >= w->depth) {
		w->complain(w->arg, number, "its tree is too deep");
		return true;
	}
	page = w->pages->levels[depth];
	wrong = read_page(w->pages, number, page, &leaf);
	if (wrong == NULL && !mark_seen(w->pages, number))
		wrong = "it is used twice";
	if (wrong == NULL && leaf != (depth + 1 == w->depth))
		wrong = "its tree has another depth there";
	if (wrong == NULL)
		wrong = check_from(w, page, leaf, from);
	if (wrong != NULL) {
		w->complain(w->arg, number, wrong);
		return true;
	}
	w->pages->path[depth] = number;
	w->found.leaf_pages += leaf;
	w->found.branch_pages += !leaf;
	return leaf ? walk_leaf(w, number, page) :
		      walk_branch(w, page, depth, from);
}

static bool
has_numbers(const struct pages_tree *a, const struct pages_tree *b)
{
	return a->branch_pages == b->branch_pages &&
	    a->leaf_pages == b->leaf_pages &&
	    a->overflow_pages == b->overflow_pages && a->entries == b->entries;
}

bool
pages_walk(struct pages *p, const struct pages_tree *t, enum pages_order order,
    pages_visit *visit, pages_complain *complain, void *arg)
{
	struct walk w = { .pages = p,
		.order = order,
		.visit = visit,
		.complain = complain,
		.arg = arg,
		.depth = t->depth };

	p->level = 0;
	/* pages_get() has the last level. */
	if (t->depth >= PAGES_DEPTH_MAX ||
	    (t->root == SIZE_MAX) != (t->depth == 0)) {
		complain(arg, 0, "the root of a tree is damaged");
		return true;
	}
	if (t->root != SIZE_MAX &&
	    !walk_page(&w, t->root, 0, (struct bytes){ NULL, 0 }))
		return false;
	if (!has_numbers(&w.found, t))
		complain(arg, t->root == SIZE_MAX ? 0 : t->root,
		    pages_wrong_numbers);
	return true;
}

int
pages_get(struct pages *p, const struct pages_tree *t, struct bytes key,
    struct bytes *value)
{
	/* A walk that this is called from uses the other pages. */
	uint8_t *page = p->levels[PAGES_DEPTH_MAX - 1];
	size_t number = t->root, depth, i;
	bool leaf = false, same;
	struct page_node n;

	if (t->root == SIZE_MAX)
		return 0;
	for (depth = 0; depth < PAGES_DEPTH_MAX && !leaf; depth++) {
		if (read_page(p, number, page, &leaf) != NULL)
			return -1;
		i = page_search(page, p->page_size, key, leaf, &same);
		if (leaf && !same)
			return 0;
		n = page_node(page, i);
		number = n.child;
	}
	if (!leaf)
		return -1;
	return get_value(p, &n, value) == NULL ? 1 : -1;
}

int
pages_find_tree(struct pages *p, const char *name, struct pages_tree *t)
{
	struct bytes value;
	int rc = pages_get(p, &p->main, bytes_from_text(name), &value);

	if (rc != 1)
		return rc;
	return pages_take_tree(value, t) ? 1 : -1;
}

/* The free list: each record has the number of its pages, and then these, in
 * descending order. */
struct free_list {
	struct pages *pages;
	pages_complain *complain;
	void *arg;
};

static void
complain_of_free(void *arg, size_t page, const char *what)
{
	struct free_list *f = arg;

	f->complain(f->arg, page, what);
}

static bool
visit_free(void *arg, struct bytes key, struct bytes value)
{
	struct free_list *f = arg;
	size_t freed_by = SIZE_MAX, n = 0, page, before = SIZE_MAX, i;
	const uint8_t *at = value.data;

	if (key.size == sizeof(freed_by))
		memcpy(&freed_by, key.data, sizeof(freed_by));
	if (value.size >= sizeof(n))
		memcpy(&n, at, sizeof(n));
	if (freed_by > f->pages->transaction || n == 0 ||
	    n > value.size / sizeof(n) - 1) {
		f->complain(f->arg, 0, "the list of free pages is damaged");
		return true;
	}
	for (i = 1; i <= n; i++) {
		memcpy(&page, at + i * sizeof(page), sizeof(page));
		if (page < 2 || page >= f->pages->count || page >= before)
			f->complain(f->arg, page,
			    "the list of free pages is damaged");
		else if (!mark_seen(f->pages, page))
			f->complain(f->arg, page,
			    "it is in use and counts as free");
		before = page;
	}
	return true;
}

void
pages_check_free_list(struct pages *p, pages_complain *complain, void *arg)
{
	struct free_list f = { p, complain, arg };

	(void)pages_walk(p, &p->free_list, PAGES_NUMBERS, visit_free,
	    complain_of_free, &f);
}
