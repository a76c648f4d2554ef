/*
 * store_verify: see store_verify.h.  Runs in kvd-maintain.
 */

/* Which of two strnvis(3) is not used here. */
#define LIBBSD_OPENBSD_VIS
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "store/store_image.h"
#include "store/store_verify.h"

/* A name or key, vis(3)ed. */
#define SHOWN_SIZE (4 * UINT8_MAX + 1)
/* A bucket and a key, with words. */
#define WHERE_SIZE (2 * SHOWN_SIZE + 64)
/* It is looked whether to go on after so many records, or bytes. */
#define GO_ON_EVERY 1000
#define GO_ON_BYTES ((uint64_t)64 << 10)

#define BUCKET_SIZE 20
#define BUCKET_SUM 16
#define DROPPED_SIZE 12
#define DROPPED_SUM 8
#define NAME_SUM sizeof(uint32_t) /* in front of a name in `expiries` */

static const char restore[] = "restore a backup";
static const char rewrite[] = "PUT it again, or DELETE it, or restore a backup";

/* A bucket, by its id. */
struct known {
	uint64_t id;
	uint64_t says; /* entries, as its record says */
	uint64_t has;
	uint64_t replaced; /* by open puts that are not folded */
	uint64_t bytes; /* of its entries that are in data.mdb */
	char *name; /* shown; NULL: it is dropped */
};

struct verify {
	const struct verify_options *options;
	struct verify_result *result;
	struct store_image image;
	struct known *known; /* in the order of their ids */
	size_t n_known, known_max;
	uint64_t last_id;
	size_t at; /* the one that entries are counted for now */
	enum table_db db; /* that is walked */
	uint8_t last_key[TABLE_KEY_MAX]; /* where the walk is */
	size_t last_size;
	uint64_t visits, bytes; /* since it was last looked, and at that time */
	bool stopped, no_memory;
};

__attribute__((format(printf, 2, 3))) static void
found(struct verify *v, const char *format, ...)
{
	char line[4 * SHOWN_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	v->result->found++;
	v->options->found(v->options->arg, line);
}

static const char *
show(char shown[SHOWN_SIZE], const void *data, size_t size)
{
	size = size > UINT8_MAX ? UINT8_MAX : size;
	(void)strvisx(shown, data, size, VIS_WHITE | VIS_OCTAL);
	return shown;
}

static int
compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct known *
find_known(struct verify *v, uint64_t id)
{
	struct known wanted = { .id = id };

	/* Entries come in the order of their buckets' ids. */
	while (v->at + 1 < v->n_known && v->known[v->at].id < id &&
	    v->known[v->at + 1].id <= id)
		v->at++;
	if (v->at < v->n_known && v->known[v->at].id == id)
		return &v->known[v->at];
	return v->n_known == 0 ? NULL :
				 bsearch(&wanted, v->known, v->n_known,
				     sizeof(wanted), compare_known);
}

/* "bucket b, key k", for a key of `entries`. */
static const char *
show_entry(struct verify *v, char text[WHERE_SIZE], const uint8_t *data,
    size_t size)
{
	char key[SHOWN_SIZE];
	const struct known *k;
	uint64_t id;

	if (size <= ID_SIZE) {
		(void)snprintf(text, WHERE_SIZE, "a key without a bucket");
		return text;
	}
	id = record_get_be64(data);
	(void)show(key, data + ID_SIZE, size - ID_SIZE);
	k = find_known(v, id);
	if (k == NULL || k->name == NULL)
		(void)snprintf(text, WHERE_SIZE,
		    "%s bucket %" PRIu64 ", key %s",
		    k == NULL ? "unknown" : "dropped", id, key);
	else
		(void)snprintf(text, WHERE_SIZE, "bucket %s, key %s", k->name,
		    key);
	return text;
}

/* Where the walk was when it came to a page that is wrong. */
static void
show_place(struct verify *v, char text[WHERE_SIZE + 32])
{
	char shown[WHERE_SIZE];

	text[0] = '\0';
	if (v->last_size == 0)
		return;
	if (v->db == DB_ENTRIES)
		(void)snprintf(text, WHERE_SIZE + 32, " (behind %s)",
		    show_entry(v, shown, v->last_key, v->last_size));
	else if (v->db == DB_BUCKETS)
		(void)snprintf(text, WHERE_SIZE + 32, " (behind bucket %s)",
		    show(shown, v->last_key, v->last_size));
}

static void
complain(void *arg, size_t page, const char *what)
{
	static const char *const of[DB_COUNT] = { [DB_META] = "the store",
		[DB_BUCKETS] = "buckets",
		[DB_ENTRIES] = "entries",
		[DB_EXPIRIES] = "expiries",
		[DB_DROPPED] = "dropped buckets",
		[DB_OUTCOMES] = "replies" };
	char place[WHERE_SIZE + 32];
	struct verify *v = arg;

	show_place(v, place);
	found(v, "data.mdb: page %zu, of %s%s: %s: %s", page, of[v->db], place,
	    what, restore);
}

static void
look_whether_to_go_on(struct verify *v)
{
	v->visits = 0;
	v->bytes = v->image.pages.read_bytes;
	if (!v->options->go_on(v->options->arg, v->result->entries, v->bytes) ||
	    store_image_check(&v->image, 0) != STORE_OK)
		v->stopped = true;
}

/* Remembers where the walk is.  False: it is to stop. */
static bool
go_on(struct verify *v, struct bytes key)
{
	v->last_size = key.size > sizeof(v->last_key) ? 0 : key.size;
	if (v->last_size > 0)
		memcpy(v->last_key, key.data, v->last_size);
	if (++v->visits >= GO_ON_EVERY ||
	    v->image.pages.read_bytes - v->bytes >= GO_ON_BYTES)
		look_whether_to_go_on(v);
	return !v->stopped && !v->no_memory;
}

static bool
walk(struct verify *v, enum table_db db, image_visit *visit)
{
	v->db = db;
	v->last_size = 0;
	return image_walk(&v->image, db, visit, complain, v);
}

static void
add_known(struct verify *v, const struct known *k)
{
	struct known *more;
	size_t max = v->known_max * 2 + 64;

	if (v->n_known == v->known_max) {
		more = reallocarray(v->known, max, sizeof(*more));
		if (more == NULL) {
			v->no_memory = true;
			return;
		}
		v->known = more;
		v->known_max = max;
	}
	v->known[v->n_known++] = *k;
	v->last_id = k->id > v->last_id ? k->id : v->last_id;
}

static bool
visit_meta(void *arg, const struct image_record *r)
{
	return go_on(arg, r->key);
}

static bool
visit_bucket(void *arg, const struct image_record *r)
{
	char shown[SHOWN_SIZE];
	struct verify *v = arg;
	struct known k = { .has = 0 };

	if (!go_on(v, r->key) || !r->there)
		return !v->stopped;
	(void)show(shown, r->key.data, r->key.size);
	if (r->value.size != BUCKET_SIZE || r->key.size == 0 ||
	    r->key.size > UINT8_MAX ||
	    !record_is_sound(r->key, r->value, BUCKET_SUM)) {
		found(v,
		    "bucket %s: the checksum of its record does not "
		    "match: %s",
		    shown, restore);
		return true;
	}
	v->result->buckets++;
	k.id = record_get_le64(r->value.data);
	k.says = record_get_le64((const uint8_t *)r->value.data + 8);
	if ((k.name = strdup(shown)) == NULL)
		v->no_memory = true;
	add_known(v, &k);
	return !v->no_memory;
}

static bool
visit_dropped(void *arg, const struct image_record *r)
{
	struct verify *v = arg;
	struct known k = { .has = 0 };

	if (!go_on(v, r->key) || !r->there)
		return !v->stopped;
	if (r->key.size != ID_SIZE || r->value.size != DROPPED_SIZE ||
	    !record_is_sound(r->key, r->value, DROPPED_SUM)) {
		found(v,
		    "a dropped bucket: the checksum of its record does "
		    "not match: its entries will not be removed: %s",
		    restore);
		return true;
	}
	k.id = record_get_be64(r->key.data);
	k.says = record_get_le64(r->value.data);
	add_known(v, &k);
	return !v->no_memory;
}

/* An entry that expires has its row of `expiries`. */
static bool
has_row(struct verify *v, const struct image_record *r)
{
	uint64_t expiry = entry_expiry(r->value);
	const uint8_t *key = r->key.data;
	struct expiry_key k;
	struct bytes row;

	if (expiry == 0)
		return true;
	expiry_key_make(&k, expiry, record_get_be64(key),
	    (struct bytes){ key + ID_SIZE, r->key.size - ID_SIZE });
	return image_get(&v->image, DB_EXPIRIES, k.bytes, &row) == 1;
}

/* NULL: nothing is wrong with the entry. */
static const char *
check_entry(struct verify *v, const struct image_record *r,
    const struct known *k)
{
	if (r->value.size < ENTRY_HEADER ||
	    !record_is_sound(r->key, r->value, ENTRY_SUM))
		return "its checksum does not match";
	if (k == NULL)
		return "an entry without a bucket";
	if (record_get_le64(r->value.data) > v->image.revision)
		return "from a later revision than the store has";
	return k->name != NULL && !has_row(v, r) ?
	    "it would not be removed when it expires" :
	    NULL;
}

static bool
visit_entry(void *arg, const struct image_record *r)
{
	char where[WHERE_SIZE];
	struct verify *v = arg;
	struct known *k = NULL;
	const char *wrong;

	if (!go_on(v, r->key))
		return false;
	if (r->key.size > ID_SIZE && r->key.size <= ID_SIZE + UINT8_MAX)
		k = find_known(v, record_get_be64(r->key.data));
	if (k != NULL) {
		k->has += r->there;
		k->replaced += r->replaced;
		k->bytes += r->in_data ? sizes_of_entry(r->key, r->data) : 0;
	}
	if (!r->there)
		return true;
	v->result->entries += k == NULL || k->name != NULL;
	if ((wrong = check_entry(v, r, k)) != NULL)
		found(v, "%s: %s: %s",
		    show_entry(v, where, r->key.data, r->key.size), wrong,
		    k == NULL ? restore : rewrite);
	return true;
}

/*
 * Is the row one that an open put has left, which did not look what it
 * replaces?  The fold of the put removes it.  What is in `expiries` of a
 * dropped bucket goes with its entries.
 */
static bool
is_left_over(struct verify *v, struct bytes entry)
{
	const struct known *k = find_known(v, record_get_be64(entry.data));

	return (k != NULL && k->name == NULL) ||
	    image_is_in_log(&v->image, DB_ENTRIES, entry);
}

static bool
visit_expiry(void *arg, const struct image_record *r)
{
	const uint8_t *p = r->key.data;
	struct bytes entry = { p + sizeof(uint64_t),
		r->key.size - sizeof(uint64_t) };
	char where[WHERE_SIZE];
	struct verify *v = arg;
	struct bytes value;
	int rc;

	if (!go_on(v, r->key) || !r->there)
		return !v->stopped;
	if (r->key.size <= EXPIRY_KEY_HEADER ||
	    r->key.size > EXPIRY_KEY_HEADER + UINT8_MAX ||
	    r->value.size <= NAME_SUM ||
	    !record_is_sound(r->key, r->value, 0)) {
		found(v, "a row of expiries: its checksum does not match: %s",
		    restore);
		return true;
	}
	if ((rc = image_get(&v->image, DB_ENTRIES, entry, &value)) == 1 &&
	    entry_expiry(value) == record_get_be64(p))
		return true;
	if (rc == -1 || !is_left_over(v, entry))
		found(v,
		    "%s: to be removed when it expires, but it is not "
		    "there or does not expire then: %s",
		    show_entry(v, where, entry.data, entry.size), restore);
	return true;
}

static bool
visit_outcome(void *arg, const struct image_record *r)
{
	struct verify *v = arg;

	if (!go_on(v, r->key) || !r->there)
		return !v->stopped;
	if (r->key.size != sizeof(uint64_t) ||
	    !record_is_sound(r->key, r->value, 0))
		found(v,
		    "the replies of a session: their checksum does not "
		    "match: %s",
		    restore);
	return true;
}

static void
check_count(struct verify *v, const struct known *k)
{
	uint64_t folded;

	/* Of a dropped bucket it may be too high. */
	if (k->name == NULL) {
		if (k->has > k->says)
			found(v,
			    "dropped bucket %" PRIu64 ": says that %" PRIu64
			    " entries are left, and has %" PRIu64 ": %s",
			    k->id, k->says, k->has, restore);
		return;
	}
	if (image_get_replaced(&v->image, k->id, &folded) == -1)
		found(v, "bucket %s: its number of entries is not known: %s",
		    k->name, restore);
	else if (k->says - folded - k->replaced != k->has)
		found(v,
		    "bucket %s: says that it has %" PRIu64
		    " entries, and has %" PRIu64 ": %s",
		    k->name, k->says - folded - k->replaced, k->has,
		    k->has < k->says - folded - k->replaced ?
			"keys are missing: restore a backup" :
			restore);
}

/* What the checkpointer has noted with each change of the entries. */
static void
check_size(struct verify *v, const struct known *k)
{
	char shown[64];
	uint64_t says;

	(void)snprintf(shown, sizeof(shown), "dropped bucket %" PRIu64, k->id);
	if (image_get_size(&v->image, k->id, &says) == -1)
		found(v, "%s%s: its number of bytes is not known: %s",
		    k->name == NULL ? "" : "bucket ",
		    k->name == NULL ? shown : k->name, restore);
	else if (says != k->bytes)
		found(v,
		    "%s%s: says that its entries have %" PRIu64
		    " bytes, and %" PRIu64 " are found: %s",
		    k->name == NULL ? "" : "bucket ",
		    k->name == NULL ? shown : k->name, says, k->bytes,
		    k->bytes < says ?
			"keys or values are missing: restore a backup" :
			restore);
}

/* What STATS says, which is exact where nothing is dropped or in the log. */
static void
check_totals(struct verify *v)
{
	const struct segment_totals *t = &v->image.totals;
	uint64_t folded, unfolded = 0, dropped = 0;
	size_t i;

	for (i = 0; i < v->n_known; i++) {
		unfolded += v->known[i].replaced;
		dropped += v->known[i].name == NULL;
	}
	if (t->buckets != v->result->buckets)
		found(v,
		    "the store says that it has %" PRIu64
		    " buckets, and has %" PRIu64 ": %s",
		    t->buckets, v->result->buckets, restore);
	if (dropped > 0)
		return;
	if (image_get_replaced(&v->image, REPLACED_ALL, &folded) == -1 ||
	    t->keys - folded - unfolded != v->result->entries)
		found(v,
		    "the store says that it has %" PRIu64
		    " entries, and has %" PRIu64 ": %s",
		    t->keys - folded - unfolded, v->result->entries, restore);
}

static void
check_next_id(struct verify *v)
{
	struct bytes value;
	int rc;

	rc = image_get(&v->image, DB_META, bytes_from_text("next-bucket"),
	    &value);
	if (rc == 0 && v->last_id == 0)
		return;
	if (rc != 1 || value.size != sizeof(uint64_t) ||
	    record_get_le64(value.data) <= v->last_id)
		found(v,
		    "the number of the next bucket is damaged: do not "
		    "CREATE any: %s",
		    restore);
}

static void
check_ids(struct verify *v)
{
	size_t i;

	if (v->n_known > 0)
		qsort(v->known, v->n_known, sizeof(*v->known), compare_known);
	for (i = 1; i < v->n_known; i++)
		if (v->known[i].id == v->known[i - 1].id)
			found(v, "two buckets have the number %" PRIu64 ": %s",
			    v->known[i].id, restore);
	check_next_id(v);
}

static bool
visit_tree(void *arg, struct bytes key, struct bytes value)
{
	struct verify *v = arg;

	(void)key;
	(void)value;
	return !v->stopped;
}

static void
check_all(struct verify *v)
{
	size_t i;

	if (!pages_walk(&v->image.pages, &v->image.pages.main, PAGES_BYTES,
		visit_tree, complain, v) ||
	    !walk(v, DB_META, visit_meta) ||
	    !walk(v, DB_BUCKETS, visit_bucket) ||
	    !walk(v, DB_DROPPED, visit_dropped))
		return;
	check_ids(v);
	if (!walk(v, DB_ENTRIES, visit_entry) ||
	    !walk(v, DB_EXPIRIES, visit_expiry) ||
	    !walk(v, DB_OUTCOMES, visit_outcome))
		return;
	for (i = 0; i < v->n_known; i++) {
		check_count(v, &v->known[i]);
		check_size(v, &v->known[i]);
	}
	check_totals(v);
	v->db = DB_META;
	v->last_size = 0;
	pages_check_free_list(&v->image.pages, complain, v);
}

static enum store_result
end(struct verify *v, enum store_result result)
{
	/* What cannot be read from its beginning was found, too. */
	if (result == STORE_DAMAGED) {
		found(v, "%s", v->image.error);
		return STORE_OK;
	}
	(void)strlcpy(v->result->error, v->image.error,
	    sizeof(v->result->error));
	if (result == STORE_OK && v->no_memory) {
		(void)strlcpy(v->result->error, "out of memory",
		    sizeof(v->result->error));
		return STORE_FAILED;
	}
	return result == STORE_OK && v->stopped ? STORE_LOST : result;
}

enum store_result
store_verify(const struct verify_options *o, struct verify_result *result)
{
	struct verify v = { .options = o, .result = result };
	enum store_result rc;
	size_t i;

	memset(result, 0, sizeof(*result));
	rc = o->in_use ? store_image_open_in_use(&v.image, o->dir) :
			 store_image_open(&v.image, o->dir, o->file);
	if (rc == STORE_OK)
		check_all(&v);
	result->in_use = v.image.in_use;
	result->revision = v.image.revision;
	rc = end(&v, rc);
	store_image_close(&v.image);
	for (i = 0; i < v.n_known; i++)
		free(v.known[i].name);
	free(v.known);
	return rc;
}
