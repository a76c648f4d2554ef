/*
 * store_walk: see store_walk.h.  Runs in kvd-maintain.
 */

/* Which of two strnvis(3) is not used here. */
#define LIBBSD_OPENBSD_VIS
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "store/store_damage.h"
#include "store/store_image.h"
#include "store/store_record.h"
#include "store/store_walk.h"

#define ALIVE_EVERY 1000 /* keys */
/* Names of damaged buckets that are told. */
#define NAMES_MAX 20

/* A bucket that has a name. */
struct known {
	uint64_t id;
	uint64_t says, has; /* entries */
	uint64_t replaced; /* by open puts that are not folded */
	uint8_t name[UINT8_MAX];
	uint8_t name_size;
};

/* Of the walk through `entries`, at one level of the tree. */
struct level {
	size_t page; /* of the last key that data.mdb has */
	uint64_t from; /* the bucket of that page's first key */
	size_t behind; /* the page of the first key behind a gap */
};

struct store_walk {
	const struct walk_options *options;
	struct store_image image;
	struct damage damage;
	struct damage wider; /* and what may be lost with it */
	struct known *known; /* in the order of their ids */
	size_t n_known, known_max;
	size_t at; /* the one that entries are counted for now */
	struct level levels[PAGES_DEPTH_MAX];
	uint64_t before; /* the bucket of the last key that data.mdb has */
	bool gap; /* something is missing behind that key, */
	size_t gap_level; /* and the page was at this level */
	const char *lost; /* why the store cannot be served; NULL: it can */
	bool failed; /* `found` was told why */
	uint64_t visits;
};

__attribute__((format(printf, 2, 3))) static void
tell(struct store_walk *w, const char *format, ...)
{
	char line[4 * UINT8_MAX + 256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	w->options->found(w->options->arg, line);
}

static bool
go_on(struct store_walk *w)
{
	if (++w->visits % ALIVE_EVERY == 0)
		w->options->alive(w->options->arg);
	return !w->failed;
}

static bool
fail(struct store_walk *w, const char *what)
{
	if (!w->failed)
		tell(w, "%s: %s", w->options->dir, what);
	w->failed = true;
	return false;
}

static void
lose(struct store_walk *w, const char *what)
{
	if (w->lost == NULL)
		w->lost = what;
}

/* What is lost when a page of a tree is wrong that all buckets need. */
struct tree {
	struct store_walk *walk;
	const char *what;
	size_t key_max;
};

static void
complain_of_tree(void *arg, size_t page, const char *what)
{
	struct tree *t = arg;

	/* Nobody reads these numbers. */
	if (what == pages_wrong_numbers)
		return;
	if (t->walk->lost == NULL)
		tell(t->walk, "%s/data.mdb: page %zu: %s",
		    t->walk->options->dir, page, what);
	lose(t->walk, t->what);
}

static bool
visit_tree(void *arg, struct bytes key, struct bytes value)
{
	struct tree *t = arg;

	(void)value;
	if (key.size > t->key_max)
		lose(t->walk, t->what);
	return go_on(t->walk);
}

static void
walk_tree(struct store_walk *w, const struct pages_tree *tree, size_t key_max,
    const char *what)
{
	struct tree t = { w, what, key_max };

	(void)pages_walk(&w->image.pages, tree, PAGES_BYTES, visit_tree,
	    complain_of_tree, &t);
}

static struct known *
add_known(struct store_walk *w)
{
	size_t max = w->known_max * 2 + 64;
	struct known *more;

	if (w->n_known == w->known_max) {
		more = reallocarray(w->known, max, sizeof(*more));
		if (more == NULL)
			return NULL;
		w->known = more;
		w->known_max = max;
	}
	return &w->known[w->n_known++];
}

/* A bucket whose own record is damaged answers so by itself. */
static bool
visit_bucket(void *arg, const struct image_record *r)
{
	struct tree *t = arg;
	struct store_walk *w = t->walk;
	struct known *k;

	if (r->key.size > store_key_max(DB_BUCKETS))
		lose(w, t->what);
	if (!go_on(w) || !r->there)
		return !w->failed;
	if (r->value.size != BUCKET_SIZE ||
	    r->key.size > store_key_max(DB_BUCKETS) ||
	    !record_is_sound(r->key, r->value, BUCKET_SUM))
		return true;
	if ((k = add_known(w)) == NULL)
		return fail(w, "out of memory");
	*k = (struct known){ .id = record_get_le64(r->value.data),
		.says = record_get_le64((const uint8_t *)r->value.data + 8),
		.name_size = (uint8_t)r->key.size };
	memcpy(k->name, r->key.data, r->key.size);
	return true;
}

static int
compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void
walk_buckets(struct store_walk *w)
{
	struct tree t = { w, "its list of buckets is damaged", SIZE_MAX };

	(void)image_walk(&w->image, DB_BUCKETS, visit_bucket, complain_of_tree,
	    &t);
	if (w->n_known > 0)
		qsort(w->known, w->n_known, sizeof(*w->known), compare_known);
}

static void
add_damage(struct store_walk *w, struct damage *d, uint64_t first,
    uint64_t last)
{
	if (!damage_add(d, first, last))
		lose(w, "too much of it is damaged");
}

/* The tree may say any depth; nothing is visited if that is not possible. */
static size_t
leaf_level(const struct store_walk *w)
{
	size_t depth = w->image.trees[DB_ENTRIES].depth;

	return depth == 0 || depth > PAGES_DEPTH_MAX ? 0 : depth - 1;
}

static void
note_gap(struct store_walk *w, size_t level)
{
	if (!w->gap || level < w->gap_level)
		w->gap_level = level;
	w->gap = true;
}

static void
complain_of_entries(void *arg, size_t page, const char *what)
{
	struct store_walk *w = arg;

	if (what == pages_wrong_numbers)
		return;
	if (!w->gap)
		tell(w, "%s/data.mdb: page %zu, of entries: %s",
		    w->options->dir, page, what);
	note_gap(w, w->image.pages.level);
}

/* The known bucket with this id; entries come in the order of their ids. */
static struct known *
find_known(struct store_walk *w, uint64_t id)
{
	while (w->at < w->n_known && w->known[w->at].id < id)
		w->at++;
	return w->at < w->n_known && w->known[w->at].id == id ?
	    &w->known[w->at] :
	    NULL;
}

/* The next key is of this bucket.  `gap`: something is missing before it that
 * costs the buckets of the two pages beside it at this level. */
static void
come_to_page(struct store_walk *w, struct damage *d, size_t level, bool gap,
    uint64_t id)
{
	size_t page = w->image.pages.path[level];
	struct level *l = &w->levels[level];

	if (gap) {
		add_damage(w, d, page == l->page ? w->before : l->from, id);
		l->behind = page == l->page ? 0 : page;
	} else if (page == l->behind && id != w->before)
		add_damage(w, d, w->before, id);
	if (page != l->page)
		l->from = id;
	l->page = page;
}

/*
 * data.mdb has a key of this bucket.  A missing page costs the buckets of the
 * two pages beside it as well: the checkpointer cannot delete from these,
 * because LMDB may join them with the one that is missing.  Leaves are joined
 * when little is left of them; branches, when that has happened to many leaves.
 */
static void
come_to_entry(struct store_walk *w, uint64_t id)
{
	size_t leaf = leaf_level(w), level;

	for (level = 0; level < leaf; level++)
		come_to_page(w, &w->wider, level,
		    w->gap && level == w->gap_level, id);
	come_to_page(w, &w->damage, leaf, w->gap, id);
	w->before = id;
	w->gap = false;
}

static bool
visit_entry(void *arg, const struct image_record *r)
{
	struct store_walk *w = arg;
	struct known *k;
	uint64_t id;

	if (!go_on(w))
		return false;
	if (r->key.size <= ID_SIZE || r->key.size > store_key_max(DB_ENTRIES)) {
		if (r->in_data)
			note_gap(w, leaf_level(w));
		return true;
	}
	id = record_get_be64(r->key.data);
	if ((k = find_known(w, id)) != NULL) {
		k->has += r->there;
		k->replaced += r->replaced;
	}
	/* What only the log has says nothing of a gap in data.mdb. */
	if (r->in_data)
		come_to_entry(w, id);
	return true;
}

/* Keys that are missing in silence. */
static void
check_counts(struct store_walk *w)
{
	const struct known *k;
	uint64_t folded;
	size_t i;

	for (i = 0; i < w->n_known; i++) {
		k = &w->known[i];
		if (!damage_has(&w->damage, k->id) &&
		    (image_get_replaced(&w->image, k->id, &folded) == -1 ||
			k->says - folded - k->replaced != k->has))
			add_damage(w, &w->damage, k->id, k->id);
	}
}

static void
walk_entries(struct store_walk *w)
{
	size_t i;

	if (!image_walk(&w->image, DB_ENTRIES, visit_entry, complain_of_entries,
		w))
		return;
	/* The next bucket would have its entries there, too. */
	if (w->gap) {
		add_damage(w, &w->damage, w->levels[leaf_level(w)].from,
		    UINT64_MAX);
		add_damage(w, &w->wider, w->levels[w->gap_level].from,
		    UINT64_MAX);
	}
	check_counts(w);
	for (i = 0; i < w->damage.count; i++)
		add_damage(w, &w->wider, w->damage.ranges[i].first,
		    w->damage.ranges[i].last);
}

static void
walk_all(struct store_walk *w)
{
	static const char free_list[] = "its list of free pages is damaged",
			  other[] = "its list of trees is damaged";
	struct tree t = { w, free_list, SIZE_MAX };
	struct pages_tree *trees = w->image.trees;

	walk_tree(w, &w->image.pages.main, TABLE_KEY_MAX, other);
	walk_tree(w, &trees[DB_META], store_key_max(DB_META),
	    "what it says of itself is damaged");
	walk_buckets(w);
	walk_entries(w);
	walk_tree(w, &trees[DB_EXPIRIES], store_key_max(DB_EXPIRIES),
	    "its list of what expires is damaged");
	walk_tree(w, &trees[DB_DROPPED], store_key_max(DB_DROPPED),
	    "its list of dropped buckets is damaged");
	walk_tree(w, &trees[DB_OUTCOMES], store_key_max(DB_OUTCOMES),
	    "its list of replies is damaged");
	pages_check_free_list(&w->image.pages, complain_of_tree, &t);
}

static void
tell_names(struct store_walk *w)
{
	char shown[4 * UINT8_MAX + 1];
	const struct known *k;
	size_t n = 0, i;

	for (i = 0; i < w->n_known; i++) {
		k = &w->known[i];
		if (!damage_has(&w->damage, k->id) || n++ >= NAMES_MAX)
			continue;
		(void)strvisx(shown, (const char *)k->name, k->name_size,
		    VIS_WHITE | VIS_OCTAL);
		tell(w,
		    "bucket %s is damaged: it answers ERROR data damaged, "
		    "and can be dropped; see kvd(8), After a damaged disk",
		    shown);
	}
	if (n > NAMES_MAX)
		tell(w, "%zu other buckets are damaged as well", n - NAMES_MAX);
}

/* Has the file said already which buckets are damaged? */
static bool
was_known(struct store_walk *w)
{
	struct damage before;

	if (w->damage.count == 0 ||
	    damage_read(&before, w->image.dirfd) != DAMAGE_READ ||
	    !damage_covers(&before, &w->damage))
		return false;
	if (!w->options->wider || damage_covers(&before, &w->wider))
		return true;
	tell(w,
	    "%s/data.mdb: the buckets that have keys in the pages beside a "
	    "damaged one count as damaged from now on",
	    w->options->dir);
	w->damage = w->wider;
	return false;
}

static enum walk_result
note(struct store_walk *w)
{
	if (damage_write(&w->damage, w->image.dirfd) == -1) {
		tell(w, "%s/" DAMAGE_FILE ": %s", w->options->dir,
		    strerror(errno));
		return WALK_FAILED;
	}
	return w->damage.count == 0 ? WALK_SOUND : WALK_DAMAGED;
}

static enum walk_result
end(struct store_walk *w)
{
	bool known;

	if (w->failed)
		return WALK_FAILED;
	if (w->lost != NULL) {
		tell(w,
		    "%s/data.mdb: %s: restore the data directory from a backup",
		    w->options->dir, w->lost);
		return WALK_LOST;
	}
	known = was_known(w);
	tell_names(w);
	return known ? WALK_SAME : note(w);
}

enum walk_result
store_walk(const struct walk_options *o)
{
	struct store_walk *w = calloc(1, sizeof(*w));
	enum store_result opened;
	enum walk_result result = WALK_FAILED;

	if (w == NULL) {
		o->found(o->arg, "out of memory");
		return WALK_FAILED;
	}
	w->options = o;
	opened = store_image_open(&w->image, o->dir, NULL);
	if (opened == STORE_REFUSED)
		/* Who is to use it says why. */
		result = WALK_NONE;
	else if (opened != STORE_OK) {
		tell(w, "%s", w->image.error);
		result = opened == STORE_DAMAGED ? WALK_LOST : WALK_FAILED;
	} else if (w->image.in_use)
		(void)fail(w, "in use by a kvd");
	else {
		walk_all(w);
		result = end(w);
	}
	store_image_close(&w->image);
	free(w->known);
	free(w);
	return result;
}
