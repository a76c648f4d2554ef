/*
 * store_copy: see store_copy.h.  Runs in kvd-maintain.
 */

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_build.h"
#include "store/store_copy.h"
#include "store/store_image.h"
#include "store/store_verify.h"

#define VERIFY_HINT "kvd -c says what is damaged"
/* The first data format of which there are backups.  It differs from this
 * kvd's in the sizes of buckets only. */
#define DATA_FORMAT_FIRST 3
/* What a store at rest is purged by. */
#define PURGE_STEP 10000
/* Disk space that a copy may take besides its pages. */
#define SPARE_ROOM ((uint64_t)1 << 20)

/* Where the checksum of a database's records is; none in `meta`. */
static const int sum_at[DB_COUNT] = { [DB_META] = -1,
	[DB_BUCKETS] = 16,
	[DB_ENTRIES] = ENTRY_SUM,
	[DB_EXPIRIES] = 0,
	[DB_DROPPED] = 8,
	[DB_OUTCOMES] = 0 };

/* A copy under way. */
struct copy {
	const struct copy_options *options;
	struct copy_result *result;
	struct store_image image;
	struct backup_stream stream; /* to write */
	struct store_build build; /* of a data.mdb */
	bool compacts; /* the record goes to `build`, not to `stream` */
	enum table_db db;
	enum store_result failed; /* STORE_OK: not yet */
};

__attribute__((format(printf, 3, 4))) static enum store_result
fail(struct copy_result *r, enum store_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->error, sizeof(r->error), format, args);
	va_end(args);
	return result;
}

/* Reading or writing the backup has failed with errno. */
static enum store_result
fail_stream(struct copy_result *r, const char *what)
{
	return fail(r, store_is_full(errno) ? STORE_FULL : STORE_FAILED,
	    "%s: %s", what, strerror(errno));
}

static enum store_result
fail_build(struct copy_result *r, const char *dir, int rc)
{
	if (rc == MDB_KEYEXIST || rc == MDB_BAD_VALSIZE)
		return fail(r, STORE_DAMAGED, "its records are out of order");
	/* EIO is LMDB's word for a write that the disk has taken a part of. */
	if (rc == EIO || store_is_full(rc))
		return fail(r, STORE_FULL,
		    "%s/" BUILD_NAME ": the disk is full%s: make room", dir,
		    rc == EIO ? ", or cannot write" : "");
	return fail(r, store_refusal(rc), "%s/" BUILD_NAME ": %s", dir,
	    mdb_strerror(rc));
}

static enum store_result
stop(struct copy_result *r)
{
	return fail(r, STORE_LOST, "interrupted");
}

static bool
is_sound(enum table_db db, struct bytes key, struct bytes value)
{
	return sum_at[db] == -1 ||
	    record_is_sound(key, value, (size_t)sum_at[db]);
}

static void
complain(void *arg, size_t page, const char *what)
{
	struct copy *c = arg;

	if (c->failed == STORE_OK)
		c->failed = fail(c->result, STORE_DAMAGED,
		    "%s/data.mdb: page %zu: %s: " VERIFY_HINT, c->options->dir,
		    page, what);
}

/* backup_...() has failed, or check_pace() in write_all(). */
static enum store_result
fail_write(struct copy *c)
{
	return c->failed != STORE_OK ?
	    c->failed :
	    fail_stream(c->result, "cannot write the backup");
}

static enum store_result
copy_record(struct copy *c, struct bytes key, struct bytes value)
{
	int rc;

	if (c->compacts) {
		rc = build_put(&c->build, c->db, key, value);
		return rc == 0 ? STORE_OK :
				 fail_build(c->result, c->options->dir, rc);
	}
	return backup_put(&c->stream, c->db, key, value) == 0 ? STORE_OK :
								fail_write(c);
}

static enum store_result
check_pace(struct copy *c)
{
	enum store_result result;

	if (!c->options->go_on(c->options->arg, c->result->entries,
		c->image.trees[DB_ENTRIES].entries))
		return stop(c->result);
	result = store_image_check(&c->image, c->options->kept_max);
	return result == STORE_OK ?
	    STORE_OK :
	    fail(c->result, result, "%s", c->image.error);
}

static bool
visit(void *arg, const struct image_record *r)
{
	struct copy *c = arg;

	if (c->failed != STORE_OK)
		return false;
	if (!is_sound(c->db, r->key, r->value))
		c->failed = fail(c->result, STORE_DAMAGED,
		    "%s: the checksum of a record does not match: " VERIFY_HINT,
		    c->options->dir);
	else if (c->db != DB_META || !build_makes_row(r->key))
		c->failed = copy_record(c, r->key, r->value);
	c->result->entries += c->db == DB_ENTRIES;
	if (c->failed == STORE_OK)
		c->failed = check_pace(c);
	return c->failed == STORE_OK;
}

/* A backup_write.  Who reads the backup may be slow, or have stopped: that must
 * not make the image keep more than it may. */
static int
write_all(void *arg, const void *data, size_t size)
{
	const char *from = data;
	struct copy *c = arg;
	ssize_t n;

	while (size > 0) {
		n = c->options->write(c->options->arg, from, size);
		if (n == -1)
			return -1;
		from += n;
		size -= (size_t)n;
		if (size > 0 && (c->failed = check_pace(c)) != STORE_OK)
			return -1;
	}
	return 0;
}

/* The replies of sessions are for workers of a kvd that has ended when a backup
 * is restored. */
static enum store_result
copy_all(struct copy *c)
{
	int db;

	for (db = 0; db < DB_COUNT && c->failed == STORE_OK; db++) {
		if (db == DB_OUTCOMES && !c->compacts)
			continue;
		c->db = (enum table_db)db;
		(void)image_walk(&c->image, c->db, visit, complain, c);
	}
	return c->failed;
}

static int64_t
now_ms(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum store_result
write_stream(struct copy *c)
{
	const struct segment_totals *t = &c->image.state.totals;
	const struct backup_head h = { BACKUP_FORMAT, STORE_FORMAT,
		c->image.state.store_id, c->image.state.revision, now_ms(),
		c->image.trees[DB_ENTRIES].entries,
		{ t->buckets, t->keys, t->expiring, t->dropped } };
	enum store_result result;

	c->result->revision = h.revision;
	if (backup_begin(&c->stream, write_all, c, &h) == -1)
		return fail_write(c);
	if ((result = copy_all(c)) != STORE_OK)
		return result;
	return backup_finish(&c->stream) == 0 ? STORE_OK : fail_write(c);
}

/* Is there anything in the log that data.mdb does not have? */
static bool
has_log(const struct store_image *m)
{
	return m->place.generation != 0 || m->revision != m->state.revision;
}

static enum store_result
purge_all(struct store *s)
{
	enum store_result result;
	bool more = true;

	for (result = STORE_OK; more && result == STORE_OK;)
		result = store_purge(s, PURGE_STEP, &more);
	return result;
}

/* Brings all of the log of a store at rest into data.mdb. */
static enum store_result
fold(const struct copy_options *o, struct copy_result *r)
{
	struct store_options options = { .dir = o->dir,
		.sync_ms = STORE_SYNC_ALWAYS,
		.log_size = o->log_size,
		.owner_pid = o->owner_pid };
	enum store_result result;
	struct store *s;

	if ((result = store_open(&s, &options)) == STORE_OK &&
	    (result = store_checkpoint(s)) == STORE_OK)
		result = purge_all(s);
	if (result == STORE_FULL)
		(void)fail(r, result,
		    "%s/data.mdb: no space on the disk to bring the log into "
		    "it: make room",
		    o->dir);
	else if (result != STORE_OK)
		(void)fail(r, result, "%s", store_error(s));
	store_close(s);
	return result;
}

static enum store_result
open_image(struct copy *c)
{
	enum store_result result;

	result = c->options->in_use ?
	    store_image_open_in_use(&c->image, c->options->dir) :
	    store_image_open(&c->image, c->options->dir, NULL);
	return result == STORE_OK ?
	    STORE_OK :
	    fail(c->result, result, "%s", c->image.error);
}

/* Opens the image of a store whose log is empty, if it is at rest. */
static enum store_result
open_folded(struct copy *c)
{
	enum store_result result;

	if ((result = open_image(c)) != STORE_OK || c->image.in_use ||
	    !has_log(&c->image))
		return result;
	store_image_close(&c->image);
	if ((result = fold(c->options, c->result)) != STORE_OK ||
	    (result = open_image(c)) != STORE_OK)
		return result;
	if (has_log(&c->image))
		return fail(c->result, STORE_REFUSED, "%s: in use",
		    c->options->dir);
	return STORE_OK;
}

static void
begin(struct copy *c, const struct copy_options *o, struct copy_result *r)
{
	memset(c, 0, sizeof(*c));
	memset(r, 0, sizeof(*r));
	c->options = o;
	c->result = r;
}

enum store_result
store_backup(const struct copy_options *o, struct copy_result *r)
{
	enum store_result result;
	struct copy c;

	begin(&c, o, r);
	if ((result = open_folded(&c)) == STORE_OK)
		result = write_stream(&c);
	backup_end(&c.stream);
	store_image_close(&c.image);
	return result;
}

static void
keep_first(void *arg, const char *line)
{
	struct copy_result *r = arg;

	if (r->error[0] == '\0')
		(void)strlcpy(r->error, line, sizeof(r->error));
}

static bool
always(void *arg, uint64_t entries, uint64_t bytes)
{
	(void)arg;
	(void)entries;
	(void)bytes;
	return true;
}

/* What was found is in r->error. */
static enum store_result
verify(const char *dir, const char *file, struct copy_result *r)
{
	struct verify_options o = { .dir = dir,
		.file = file,
		.found = keep_first,
		.go_on = always,
		.arg = r };
	struct verify_result found;
	enum store_result result;

	r->error[0] = '\0';
	result = store_verify(&o, &found);
	if (result != STORE_OK)
		return fail(r, result, "%s", found.error);
	if (found.in_use)
		return fail(r, STORE_REFUSED,
		    "%s: data directory in use by a kvd: stop it first", dir);
	return found.found == 0 ? STORE_OK : STORE_DAMAGED;
}

static uint64_t
pages_of(const struct store_image *m)
{
	uint64_t pages = 16;
	int db;

	for (db = 0; db < DB_COUNT; db++)
		pages += m->trees[db].branch_pages + m->trees[db].leaf_pages +
		    m->trees[db].overflow_pages;
	return pages;
}

static enum store_result
check_room(struct copy *c)
{
	uint64_t need = pages_of(&c->image) * c->image.pages.page_size +
	    SPARE_ROOM,
		 room;
	struct statvfs vfs;

	if (fstatvfs(c->image.fd, &vfs) == -1)
		return STORE_OK;
	room = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (room >= need)
		return STORE_OK;
	return fail(c->result, STORE_FULL,
	    "%s: the copy may need %llu MiB, and the disk has %llu MiB left: "
	    "make room",
	    c->options->dir, (unsigned long long)(need >> 20) + 1,
	    (unsigned long long)(room >> 20));
}

static uint64_t
size_of(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, 0) == -1 ? 0 : (uint64_t)st.st_size;
}

/*
 * The new file is as durable as LMDB can make it; so are its name and the end of
 * the old one's.  lock.mdb goes first: in it LMDB keeps the number of the last
 * transaction as long as any process has it open, as a backup may that began
 * before kvd was stopped, and that number is one of the old file.
 */
static enum store_result
put_in_place(struct copy_result *r, const char *dir, int dirfd)
{
	if (unlinkat(dirfd, "lock.mdb", 0) == -1 && errno != ENOENT)
		return fail(r, STORE_FAILED, "%s/lock.mdb: %s", dir,
		    strerror(errno));
	if (renameat(dirfd, BUILD_NAME, dirfd, "data.mdb") == -1 ||
	    fsync(dirfd) == -1)
		return fail(r, STORE_FAILED, "%s/data.mdb: %s", dir,
		    strerror(errno));
	return STORE_OK;
}

static enum store_result
build_copy(struct copy *c)
{
	enum store_result result;
	int rc;

	(void)unlinkat(c->image.dirfd, BUILD_NAME, 0);
	if ((rc = build_open(&c->build, c->options->dir)) != 0)
		return fail_build(c->result, c->options->dir, rc);
	if ((result = copy_all(c)) != STORE_OK)
		return result;
	rc = build_finish(&c->build, &c->image.state);
	return rc == 0 ? STORE_OK : fail_build(c->result, c->options->dir, rc);
}

/*
 * The log belongs to the new file as it did to the old one: both say the same
 * of it.  So one or the other is the store, whenever this ends.
 */
static enum store_result
compact(struct copy *c)
{
	const char *dir = c->options->dir;
	int dirfd = c->image.dirfd;
	enum store_result result;

	c->result->revision = c->image.state.revision;
	c->result->before = size_of(dirfd, "data.mdb");
	if ((result = check_room(c)) != STORE_OK)
		return result;
	result = build_copy(c);
	build_close(&c->build);
	if (result == STORE_OK)
		result = verify(dir, BUILD_NAME, c->result);
	c->result->after = size_of(dirfd, BUILD_NAME);
	if (c->result->after < STORE_SIZE_MIN) /* as the next start makes it */
		c->result->after = STORE_SIZE_MIN;
	if (result == STORE_OK && c->result->after < c->result->before)
		return put_in_place(c->result, dir, dirfd);
	c->result->after = c->result->before;
	(void)unlinkat(dirfd, BUILD_NAME, 0);
	return result;
}

/* What verify() has found is in the error. */
static enum store_result
refuse_damaged(struct copy_result *r)
{
	static const char hint[] =
	    " (nothing was changed; kvd -c lists all that is damaged)";
	size_t size = strlen(r->error), most = sizeof(r->error) - sizeof(hint);

	memcpy(r->error + (size < most ? size : most), hint, sizeof(hint));
	return STORE_DAMAGED;
}

enum store_result
store_compact(const struct copy_options *o, struct copy_result *r)
{
	enum store_result result;
	struct copy c;

	begin(&c, o, r);
	c.compacts = true;
	/* LMDB, which folds, trusts its file; and damage is not to be copied. */
	if ((result = verify(o->dir, NULL, r)) != STORE_OK)
		return result == STORE_DAMAGED ? refuse_damaged(r) : result;
	if ((result = open_folded(&c)) == STORE_OK && c.image.in_use)
		result = fail(r, STORE_REFUSED,
		    "%s: data directory in use by a kvd: stop it first",
		    o->dir);
	if (result == STORE_OK)
		result = compact(&c);
	store_image_close(&c.image);
	return result;
}

/* What came from the backup, as a sentence. */
static enum store_result
fail_read(struct copy_result *r, enum backup_result result,
    const struct backup_head *h)
{
	switch (result) {
	case BACKUP_NONE:
		return fail(r, STORE_REFUSED, "this is no backup of kvd");
	case BACKUP_NEWER:
		return fail(r, STORE_REFUSED,
		    "format %lu of backups, and this kvd reads format %d: use "
		    "the kvd that wrote it",
		    (unsigned long)h->format, BACKUP_FORMAT);
	case BACKUP_CUT:
		return fail(r, STORE_DAMAGED,
		    "the backup is cut short: use another one");
	case BACKUP_FAILED:
		return fail_stream(r, "cannot read the backup");
	default:
		return fail(r, STORE_DAMAGED,
		    "the backup is damaged: use another one");
	}
}

static enum store_result
build_from_stream(struct copy *c, struct backup_stream *in,
    const struct backup_head *h)
{
	enum backup_result result;
	struct bytes key, value;
	unsigned int db;
	int rc;

	while ((result = backup_next(in, &db, &key, &value)) == BACKUP_OK) {
		if ((rc = build_put(&c->build, db, key, value)) != 0)
			return fail_build(c->result, c->options->dir, rc);
		if (db == DB_ENTRIES &&
		    !c->options->go_on(c->options->arg, ++c->result->entries,
			h->entries))
			return stop(c->result);
	}
	return result == BACKUP_END ? STORE_OK :
				      fail_read(c->result, result, h);
}

/* The log of a new store, which goes on where the backup ends. */
static enum store_result
make_log(struct copy *c, struct store *s, uint64_t revision)
{
	enum store_result result;

	s->revision = revision;
	if (getrandom(&s->store_id, sizeof(s->store_id), 0) !=
	    sizeof(s->store_id))
		return fail(c->result, STORE_FAILED, "no random numbers");
	result = store_log_create(s);
	return result == STORE_OK ? STORE_OK :
				    fail(c->result, result, "%s", s->error);
}

static enum store_result
build_store(struct copy *c, struct store *s, struct backup_stream *in,
    const struct backup_head *h)
{
	struct fold_state state = { .revision = h->revision,
		.totals = { h->totals[0], h->totals[1], h->totals[2],
		    h->totals[3], 0 } };
	const char *dir = c->options->dir;
	enum store_result result;
	int rc;

	c->result->revision = h->revision;
	c->result->time_ms = h->time_ms;
	if ((rc = build_open(&c->build, dir)) != 0)
		return fail_build(c->result, dir, rc);
	c->build.counts = h->data_format < STORE_FORMAT;
	if ((result = build_from_stream(c, in, h)) != STORE_OK ||
	    (result = make_log(c, s, h->revision)) != STORE_OK)
		return result;
	state.store_id = s->store_id;
	rc = build_finish(&c->build, &state);
	return rc == 0 ? STORE_OK : fail_build(c->result, dir, rc);
}

static enum store_result
restore_into(struct copy *c, struct store *s)
{
	struct backup_stream in;
	enum store_result result;
	enum backup_result read;
	struct backup_head h;

	read = backup_open(&in, c->options->read, c->options->arg, &h);
	if (read != BACKUP_OK)
		result = fail_read(c->result, read, &h);
	else if (h.data_format < DATA_FORMAT_FIRST ||
	    h.data_format > STORE_FORMAT)
		result = fail(c->result, STORE_REFUSED,
		    "the backup has data format %lu, and this kvd format %d: "
		    "use the kvd that wrote it",
		    (unsigned long)h.data_format, STORE_FORMAT);
	else
		result = build_store(c, s, &in, &h);
	backup_end(&in);
	build_close(&c->build);
	if (result == STORE_OK)
		result = verify(c->options->dir, BUILD_NAME, c->result);
	if (result == STORE_OK)
		result = put_in_place(c->result, c->options->dir, s->dirfd);
	if (result != STORE_OK)
		(void)unlinkat(s->dirfd, BUILD_NAME, 0);
	return result;
}

/* The log of a restore that was cut off is made again; store_log_create()
 * refuses one with commits. */
static enum store_result
refuse_store(struct copy *c, struct store *s)
{
	struct stat st;

	if (fstatat(s->dirfd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return fail(c->result, STORE_REFUSED,
		    "%s: has a store already: move it away first",
		    c->options->dir);
	return STORE_OK;
}

enum store_result
store_restore(const struct copy_options *o, struct copy_result *r)
{
	struct store_options options = { .dir = o->dir,
		.create = true,
		.log_size = o->log_size,
		.owner_pid = o->owner_pid };
	enum store_result result;
	struct store *s;
	struct copy c;

	begin(&c, o, r);
	if ((result = store_begin(&s, &options)) != STORE_OK ||
	    (result = store_open_directory(s, &options)) != STORE_OK)
		(void)fail(r, result, "%s", store_error(s));
	else if ((result = refuse_store(&c, s)) == STORE_OK)
		result = restore_into(&c, s);
	store_close(s);
	return result;
}
