/*
 * store_image: see store_image.h.  Runs in kvd-maintain.
 */

#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "store/store_image.h"

/* How long a fold is waited for, and how often its end is looked for: there is
 * more time than that between two folds. */
#define FOLD_WAIT_MS 60000
#define FOLD_POLL_MS 2
/* How often it is looked what an image keeps, */
#define CHECK_MS 200
/* what it may keep in any case, and on a full disk. */
#define KEPT_MIN ((uint64_t)64 << 20)
#define KEPT_ON_FULL ((uint64_t)1 << 20)

static const char *const tree_names[DB_COUNT] = { [DB_META] = "meta",
	[DB_BUCKETS] = "buckets",
	[DB_ENTRIES] = "entries",
	[DB_EXPIRIES] = "expiries",
	[DB_DROPPED] = "dropped",
	[DB_OUTCOMES] = "outcomes" };
static const char *const log_names[2] = { "log.1", "log.2" };

__attribute__((format(printf, 3, 4))) static enum store_result
fail(struct store_image *m, enum store_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(m->error, sizeof(m->error), format, args);
	va_end(args);
	return result;
}

static enum store_result
fail_file(struct store_image *m, const char *file)
{
	return fail(m, store_refusal(errno), "%s%s%s: %s", m->dir,
	    file[0] == '\0' ? "" : "/", file, strerror(errno));
}

/* Locks a file or directory, which need not be writable for that, together with
 * others that only read.  False: a kvd has it locked. */
static bool
lock_shared(int fd)
{
	return fd == -1 || flock(fd, LOCK_SH | LOCK_NB) == 0 ||
	    errno != EWOULDBLOCK;
}

static int
open_lock(const struct store_image *m, const char *name)
{
	return openat(m->dirfd, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* While these are locked no kvd can begin to use the store.  If one uses it,
 * its successors are not to be kept from it. */
static void
lock_store(struct store_image *m)
{
	int i;

	m->lockfds[0] = open_lock(m, "lock");
	m->lockfds[1] = open_lock(m, "checkpointer.lock");
	m->in_use = !lock_shared(m->dirfd) || !lock_shared(m->lockfds[0]) ||
	    !lock_shared(m->lockfds[1]);
	if (!m->in_use)
		return;
	(void)flock(m->dirfd, LOCK_UN);
	for (i = 0; i < 2; i++)
		if (m->lockfds[i] != -1)
			(void)flock(m->lockfds[i], LOCK_UN);
}

static enum store_result
open_files(struct store_image *m, const char *file)
{
	const char *name = file == NULL ? "data.mdb" : file;

	m->dirfd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dirfd == -1)
		return fail_file(m, "");
	m->fd = openat(m->dirfd, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (m->fd == -1)
		return fail_file(m, name);
	return STORE_OK;
}

/* LMDB's part: it notes which transaction is read, so that whoever writes
 * leaves its pages alone. */
static enum store_result
open_environment(struct store_image *m)
{
	int rc;

	if ((rc = mdb_env_create(&m->env)) == 0)
		rc = mdb_env_open(m->env, m->dir, MDB_NOTLS | MDB_RDONLY, 0600);
	if (rc == 0)
		return STORE_OK;
	return fail(m, store_refusal(rc), "%s/data.mdb: cannot open: %s",
	    m->dir, mdb_strerror(rc));
}

/* Nothing is read through the map, but LMDB wants one of the file's size. */
static int
begin_reading(struct store_image *m, MDB_txn **txn)
{
	int rc, tries;

	for (tries = 0; tries < 10; tries++) {
		rc = *txn == NULL ?
		    mdb_txn_begin(m->env, NULL, MDB_RDONLY, txn) :
		    mdb_txn_renew(*txn);
		if (rc != MDB_MAP_RESIZED ||
		    (rc = mdb_env_set_mapsize(m->env, 0)) != 0)
			break;
	}
	return rc;
}

static enum store_result
begin(struct store_image *m)
{
	int rc = begin_reading(m, &m->txn);

	if (rc == 0)
		return STORE_OK;
	return fail(m, STORE_FAILED, "%s/data.mdb: cannot read: %s", m->dir,
	    mdb_strerror(rc));
}

static enum store_result
refuse_damaged(struct store_image *m, const char *what)
{
	return fail(m, STORE_DAMAGED,
	    "%s/data.mdb: %s: restore the data directory from a backup", m->dir,
	    what);
}

/* Reads numbers of `meta`.  Returns how many there are, or 0. */
static size_t
get_numbers(struct store_image *m, struct bytes key, uint64_t *n, size_t max)
{
	struct bytes value;
	size_t i;

	if (pages_get(&m->pages, &m->trees[DB_META], key, &value) != 1 ||
	    value.size > max * sizeof(*n))
		return 0;
	for (i = 0; i < value.size / sizeof(*n); i++)
		n[i] = record_get_le64(
		    (const uint8_t *)value.data + i * sizeof(*n));
	return i;
}

static enum store_result
check_format(struct store_image *m)
{
	struct bytes value;
	uint32_t format;

	if (pages_get(&m->pages, &m->trees[DB_META], bytes_from_text("format"),
		&value) != 1 ||
	    value.size != sizeof(format))
		return refuse_damaged(m, "its format is not readable");
	format = record_get_le32(value.data);
	if (format == STORE_FORMAT)
		return STORE_OK;
	return fail(m, STORE_REFUSED,
	    "%s: data format %lu, and this kvd reads format %d: %s", m->dir,
	    (unsigned long)format, STORE_FORMAT,
	    format < STORE_FORMAT ? "start it once, which converts the store" :
				    "use the kvd that wrote it");
}

static enum store_result
find_trees(struct store_image *m)
{
	enum store_result result;
	int db, rc;

	for (db = 0; db < DB_COUNT; db++) {
		rc = pages_find_tree(&m->pages, tree_names[db], &m->trees[db]);
		if (rc == 0 && db == DB_META)
			return fail(m, STORE_REFUSED,
			    "%s/data.mdb: not a kvd store", m->dir);
		if (rc == -1)
			return refuse_damaged(m,
			    "its list of trees is damaged");
		if (db == DB_META && (result = check_format(m)) != STORE_OK)
			return result;
		if (rc == 0)
			return refuse_damaged(m, "one of its trees is missing");
	}
	return STORE_OK;
}

static enum store_result
read_place(struct store_image *m)
{
	struct fold_place *p = &m->place;
	const size_t header = sizeof(p->generation) + 1;
	struct bytes value;
	int rc;

	*p = (struct fold_place){ .generation = 0 };
	rc = pages_get(&m->pages, &m->trees[DB_META],
	    bytes_from_text("folding"), &value);
	if (rc == 0)
		return STORE_OK;
	if (rc == -1 || value.size < header ||
	    value.size - header > sizeof(p->key))
		return refuse_damaged(m, "the place of a fold is not readable");
	p->generation = record_get_le64(value.data);
	p->db = ((const uint8_t *)value.data)[sizeof(p->generation)];
	p->key_size = value.size - header;
	memcpy(p->key, (const uint8_t *)value.data + header, p->key_size);
	if (p->db >= DB_COUNT || p->generation != m->state.folded + 1)
		return refuse_damaged(m, "the place of a fold is damaged");
	return STORE_OK;
}

static enum store_result
read_state(struct store_image *m)
{
	enum store_result result;
	const char *wrong;
	uint64_t n[8];

	pages_close(&m->pages);
	errno = 0;
	wrong = pages_open(&m->pages, m->fd,
	    m->txn == NULL ? 0 : mdb_txn_id(m->txn));
	if (wrong != NULL && errno != 0)
		return fail(m, STORE_FAILED, "%s/data.mdb: %s: %s", m->dir,
		    wrong, strerror(errno));
	if (wrong != NULL)
		return refuse_damaged(m, wrong);
	if ((result = find_trees(m)) != STORE_OK)
		return result;
	if (get_numbers(m, bytes_from_text("log"), n, 8) != 8)
		return refuse_damaged(m, "the log's state is not readable");
	m->state = (struct fold_state){ n[0], n[1], n[2],
		{ n[3], n[4], n[5], n[6], n[7] } };
	m->revision = m->state.revision;
	m->totals = m->state.totals;
	return read_place(m);
}

/* A moment between two folds. */
static enum store_result
await_moment(struct store_image *m)
{
	static const struct timespec pause = { .tv_nsec =
						   FOLD_POLL_MS * 1000000 };
	int64_t deadline_ms = clock_ms() + FOLD_WAIT_MS;
	enum store_result result;

	for (;;) {
		if ((result = begin(m)) != STORE_OK ||
		    (result = read_state(m)) != STORE_OK ||
		    m->place.generation == 0)
			return result;
		if (clock_ms() > deadline_ms)
			return fail(m, STORE_BEHIND,
			    "%s: kvd-checkpointer has been folding the log for "
			    "a minute: see what kvd logs about it",
			    m->dir);
		mdb_txn_reset(m->txn);
		(void)nanosleep(&pause, NULL);
	}
}

static enum store_result
refuse_log(struct store_image *m, int i, const char *what)
{
	return fail(m, STORE_DAMAGED,
	    "%s/%s: %s: restore the data directory from a backup", m->dir,
	    log_names[i], what);
}

static enum store_result
open_segment(struct store_image *m, int i)
{
	struct segment *g = &m->segments[i];
	struct stat st;

	g->fd = openat(m->dirfd, log_names[i],
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (g->fd == -1 && errno == ENOENT)
		return refuse_log(m, i, "missing");
	if (g->fd == -1 || fstat(g->fd, &st) == -1)
		return fail_file(m, log_names[i]);
	g->file_size = (size_t)st.st_size;
	if (g->file_size > SEGMENT_SIZE_MAX)
		return refuse_log(m, i, "too large");
	switch (segment_read_header(g)) {
	case SEGMENT_SOUND:
		break;
	case SEGMENT_DAMAGED:
		return refuse_log(m, i, "damaged at offset 0");
	case SEGMENT_CUT_SHORT:
		return refuse_log(m, i, "cut short");
	default:
		return fail_file(m, log_names[i]);
	}
	return g->generation == 0 || g->store_id == m->state.store_id ?
	    STORE_OK :
	    refuse_log(m, i, "belongs to another store than data.mdb");
}

/* -1: neither segment is of this generation. */
static int
find_segment(const struct store_image *m, uint64_t generation)
{
	int i;

	for (i = 0; i < 2; i++)
		if (m->segments[i].generation == generation)
			return i;
	return -1;
}

static enum store_result
refuse_offset(struct store_image *m, int i, const char *what)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "%s at offset %zu", what,
	    m->segments[i].end);
	return refuse_log(m, i, text);
}

static enum store_result
load(struct store_image *m, int i, struct table **table)
{
	struct segment *g = &m->segments[i];
	const struct segment_commit *c;
	struct table *t = table_new(g->file_size, m->hash_key);

	*table = t;
	if (t == NULL)
		return fail(m, STORE_FAILED, "no memory for the log");
	t->generation = g->generation;
	if (segment_read(g, t->image) == -1)
		return fail_file(m, log_names[i]);
	while ((c = segment_next(g, t->image)) != NULL) {
		segment_accept(g, t->image, c);
		if (!table_replay(t, c))
			return refuse_offset(m, i, "malformed commit");
		m->totals = c->totals;
	}
	m->revision = g->revision;
	return segment_is_cut(g, t->image) ? refuse_offset(m, i, "damaged") :
					     STORE_OK;
}

/* The next segment does not continue the first.  That is what a power cut
 * leaves, unless something says that the end of the first was durable. */
static enum store_result
check_end(struct store_image *m, int first, const struct segment *next)
{
	const struct segment *g = &m->segments[first];
	uint64_t lost = g->revision < next->previous_revision ?
	    g->revision + 1 :
	    next->previous_revision;
	struct table *t = table_new(next->file_size, m->hash_key);
	enum store_result result = STORE_OK;

	if (t == NULL)
		return fail(m, STORE_FAILED, "no memory for the log");
	if (segment_read(next, t->image) == -1)
		result = fail_file(m, "log");
	else if (m->place.generation != 0 ||
	    segment_vouches(next, t->image, lost))
		result = refuse_offset(m, first, "damaged");
	table_drop(t);
	return result;
}

/* As store_log_open(), which writes where a power cut has left its traces. */
static enum store_result
load_log(struct store_image *m)
{
	enum store_result result;
	const struct segment *g, *next;
	int first, second, i;

	for (i = 0; i < 2; i++)
		if ((result = open_segment(m, i)) != STORE_OK)
			return result;
	if (m->segments[0].generation == m->segments[1].generation)
		return refuse_log(m, 1, "the same as log.1");
	first = find_segment(m, m->state.folded + 1);
	second = find_segment(m, m->state.folded + 2);
	if (first == -1 || (m->place.generation != 0 && second == -1))
		return refuse_log(m, 0,
		    "is not the log that belongs to data.mdb");
	g = &m->segments[first];
	if (g->previous_revision != m->state.revision)
		return refuse_log(m, first,
		    "does not go on where data.mdb ends");
	if ((result = load(m, first, &m->tables[0])) != STORE_OK ||
	    second == -1)
		return result;
	next = &m->segments[second];
	if (next->previous_revision != g->revision ||
	    next->previous_sum != g->sum)
		return check_end(m, first, next);
	m->tables[1] = m->tables[0];
	m->tables[0] = NULL;
	return load(m, second, &m->tables[0]);
}

/* Nothing of it is open. */
static void
clear(struct store_image *m)
{
	m->txn = NULL;
	m->env = NULL;
	m->tables[0] = m->tables[1] = NULL;
	m->dir = NULL;
	m->dirfd = m->fd = m->lockfds[0] = m->lockfds[1] = m->pages.fd = -1;
	m->segments[0] = m->segments[1] =
	    (struct segment){ .fd = -1, .direct_fd = -1 };
}

static enum store_result
open_image(struct store_image *m, const char *dir, const char *file,
    bool in_use)
{
	enum store_result result;

	memset(m, 0, sizeof(*m));
	clear(m);
	m->in_use = in_use;
	if (getrandom(m->hash_key, sizeof(m->hash_key), 0) !=
	    sizeof(m->hash_key))
		return fail(m, STORE_FAILED, "no random numbers");
	if ((m->dir = strdup(dir)) == NULL)
		return fail(m, STORE_FAILED, "out of memory");
	if ((result = open_files(m, file)) != STORE_OK)
		return result;
	if (file == NULL && !in_use)
		lock_store(m);
	if (!m->in_use)
		return (result = read_state(m)) == STORE_OK ? load_log(m) :
							      result;
	if ((result = open_environment(m)) != STORE_OK)
		return result;
	return await_moment(m);
}

enum store_result
store_image_open(struct store_image *m, const char *dir, const char *file)
{
	return open_image(m, dir, file, false);
}

enum store_result
store_image_open_in_use(struct store_image *m, const char *dir)
{
	return open_image(m, dir, NULL, true);
}

static void
close_fd(int fd)
{
	if (fd != -1)
		(void)close(fd);
}

void
store_image_close(struct store_image *m)
{
	if (m->txn != NULL)
		mdb_txn_abort(m->txn);
	if (m->env != NULL)
		mdb_env_close(m->env);
	pages_close(&m->pages);
	table_drop(m->tables[0]);
	table_drop(m->tables[1]);
	segment_close(&m->segments[0]);
	segment_close(&m->segments[1]);
	close_fd(m->fd);
	close_fd(m->lockfds[0]);
	close_fd(m->lockfds[1]);
	close_fd(m->dirfd);
	free(m->dir);
	clear(m);
}

static const struct table_record *
find_in_log(const struct store_image *m, enum table_db db, struct bytes key)
{
	const struct table_record *r = NULL;
	int i;

	for (i = 0; i < 2 && r == NULL; i++)
		if (m->tables[i] != NULL)
			r = table_find(m->tables[i], db, key, UINT64_MAX);
	return r;
}

bool
image_is_in_log(const struct store_image *m, enum table_db db, struct bytes key)
{
	return find_in_log(m, db, key) != NULL;
}

int
image_get_data(struct store_image *m, enum table_db db, struct bytes key,
    struct bytes *value)
{
	return pages_get(&m->pages, &m->trees[db], key, value);
}

int
image_get(struct store_image *m, enum table_db db, struct bytes key,
    struct bytes *value)
{
	const struct table_record *r = find_in_log(m, db, key);

	if (r == NULL)
		return image_get_data(m, db, key, value);
	*value = table_record_value(r);
	return !r->deleted;
}

/* A row of store_numbers.c's. */
static int
get_number(struct store_image *m, const char *name, uint64_t id, uint64_t *n)
{
	struct numbers_key k;
	struct bytes value;
	int rc;

	*n = 0;
	numbers_key_make(&k, name, id);
	rc = image_get_data(m, DB_META, k.bytes, &value);
	if (rc == 1 && value.size != sizeof(*n))
		return -1;
	if (rc == 1)
		*n = record_get_le64(value.data);
	return rc;
}

int
image_get_replaced(struct store_image *m, uint64_t id, uint64_t *n)
{
	return get_number(m, REPLACED_NAME, id, n);
}

int
image_get_size(struct store_image *m, uint64_t id, uint64_t *n)
{
	return get_number(m, SIZES_NAME, id, n);
}

/* A walk through data.mdb and both tables at once. */
struct merge {
	struct store_image *image;
	enum table_db db;
	image_visit *visit;
	pages_complain *complain;
	void *arg;
	struct table_key *at[2]; /* in each table; NULL: it has no more */
	const struct table_record *first[2]; /* its first version */
};

static void
take_first(struct merge *w, int i)
{
	w->first[i] =
	    w->at[i] == NULL ? NULL : table_walk_first(w->image->tables[i]);
}

/* Has the fold that was cut off come to this key? */
static bool
is_folded(const struct merge *w, struct bytes key)
{
	const struct fold_place *p = &w->image->place;

	if (p->generation == 0 || w->db != p->db)
		return p->generation != 0 && w->db < p->db;
	return bytes_compare(key, fold_place_key(p)) < 0;
}

/* Table 1, if there is one, is being folded, else table 0. */
static bool
is_open(const struct merge *w, int i, struct bytes key)
{
	return w->first[i]->open &&
	    !(i == (w->image->tables[1] != NULL) && is_folded(w, key));
}

/* Visits a key that data.mdb has, or has not, with what the tables have. */
static bool
visit_key(struct merge *w, struct bytes key, const struct bytes *data)
{
	struct image_record record = { .key = key,
		.there = data != NULL,
		.in_data = data != NULL };
	const struct table_record *r;
	struct table *t;
	int i;

	if (data != NULL)
		record.value = record.data = *data;
	/* The later one last. */
	for (i = 1; i >= 0; i--) {
		t = w->image->tables[i];
		if (w->at[i] == NULL ||
		    !bytes_equal(table_record_key(w->first[i]), key))
			continue;
		record.replaced += data != NULL && is_open(w, i, key);
		r = table_newest(t, w->at[i]);
		record.there = !r->deleted;
		record.value = table_record_value(r);
		w->at[i] = table_after(t, w->at[i]);
		take_first(w, i);
	}
	return w->visit(w->arg, &record);
}

/* The lowest key of both tables. */
static bool
lowest(const struct merge *w, struct bytes *key)
{
	bool found = false;
	struct bytes k;
	int i;

	for (i = 0; i < 2; i++) {
		if (w->first[i] == NULL)
			continue;
		k = table_record_key(w->first[i]);
		if (!found || bytes_compare(k, *key) < 0)
			*key = k;
		found = true;
	}
	return found;
}

static bool
visit_data(void *arg, struct bytes key, struct bytes value)
{
	struct merge *w = arg;
	struct bytes k;

	while (lowest(w, &k) && bytes_compare(k, key) < 0)
		if (!visit_key(w, k, NULL))
			return false;
	return visit_key(w, key, &value);
}

static void
complain(void *arg, size_t page, const char *what)
{
	struct merge *w = arg;

	w->complain(w->arg, page, what);
}

bool
image_walk(struct store_image *m, enum table_db db, image_visit *visit,
    pages_complain *complaint, void *arg)
{
	struct merge w = { .image = m,
		.db = db,
		.visit = visit,
		.complain = complaint,
		.arg = arg };
	struct bytes key = { NULL, 0 };
	int i;

	for (i = 0; i < 2; i++) {
		if (m->tables[i] != NULL)
			w.at[i] = table_seek(m->tables[i], db, key);
		take_first(&w, i);
	}
	if (!pages_walk(&m->pages, &m->trees[db], PAGES_BYTES, visit_data,
		complain, &w))
		return false;
	while (lowest(&w, &key))
		if (!visit_key(&w, key, NULL))
			return false;
	return true;
}

/* Pages that were freed by what was committed after the image was taken. */
static int
count_kept(struct store_image *m, MDB_txn *txn, uint64_t *bytes)
{
	static const MDB_dbi free_list = 0;
	size_t own = mdb_txn_id(m->txn), n;
	MDB_val key = { sizeof(own), &own }, val;
	MDB_cursor *cursor;
	int rc;

	*bytes = 0;
	if ((rc = mdb_cursor_open(txn, free_list, &cursor)) != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) {
		memcpy(&n, val.mv_data, sizeof(n));
		*bytes += n * m->pages.page_size;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static enum store_result
check_kept(struct store_image *m, uint64_t kept, uint64_t kept_max)
{
	uint64_t size = (uint64_t)m->pages.count * m->pages.page_size;
	struct statvfs vfs;

	if (kept_max == 0)
		kept_max = size / 4 < KEPT_MIN ? KEPT_MIN : size / 4;
	if (kept > kept_max)
		return fail(m, STORE_LOST,
		    "%s: so much is written meanwhile that %llu MiB of "
		    "data.mdb could not be used again: try again when less is "
		    "written, or allow more",
		    m->dir, (unsigned long long)(kept >> 20));
	if (kept >= KEPT_ON_FULL && fstatvfs(m->fd, &vfs) == 0 &&
	    (uint64_t)vfs.f_bavail * vfs.f_frsize < KEPT_ON_FULL)
		return fail(m, STORE_LOST,
		    "%s: the disk is full, and this would keep space from "
		    "being used again: make room",
		    m->dir);
	return STORE_OK;
}

enum store_result
store_image_check(struct store_image *m, uint64_t kept_max)
{
	MDB_txn *txn = NULL;
	uint64_t kept = 0;
	int rc;

	if (m->env == NULL || clock_ms() < m->check_at_ms)
		return STORE_OK;
	m->check_at_ms = clock_ms() + CHECK_MS;
	if ((rc = begin_reading(m, &txn)) == 0) {
		rc = count_kept(m, txn, &kept);
		mdb_txn_abort(txn);
	}
	return rc == 0 ? check_kept(m, kept, kept_max) :
			 fail(m, STORE_FAILED, "%s/data.mdb: cannot read: %s",
			     m->dir, mdb_strerror(rc));
}
