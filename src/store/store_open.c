/*
 * store_open: the data file: made, opened, and refused when it is not what it
 * should be.  Runs in the registry, which only reads it, and the checkpointer.
 */

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_head.h"
#include "store/store_record.h"

/* LMDB's own default, for the snapshot and for other programs that read the
 * file, and the pins. */
#define READERS_MAX (126 + STORE_PINS_MAX)
/* Of lock.mdb: more than so many readers need. */
#define LOCK_SIZE (32 * 1024)
/* How much of data.mdb a registry can map. */
#if SIZE_MAX > UINT32_MAX
#define MAP_MAX ((size_t)1 << 42)
#else
#define MAP_MAX ((size_t)1 << 30)
#endif
/* Format 1 had no databases `expiries` and `dropped`, and no expiry; formats 1
 * and 2 had no log; formats 1 to 3 had no rows of sizes in `meta`. */
#define FORMAT_FIRST 1
#define FORMAT_WITH_LOG 3

/* Reading past the end of a file that was cut short would be a SIGBUS. */
static enum store_result
check_size(struct store *s)
{
	enum store_result result;
	size_t size = 0, used;
	MDB_stat st;

	if (mdb_env_stat(s->env, &st) != 0)
		return store_fail(s, STORE_FAILED, "%s: no status", s->dir);
	s->page_size = st.ms_psize;
	if ((result = store_data_size(s, &size)) != STORE_OK)
		return result;
	used = store_used_pages(s) * s->page_size;
	if (size < used)
		return store_fail(s, STORE_REFUSED,
		    "%s/data.mdb: cut short: has %zu bytes and needs %zu; "
		    "restore it from a backup",
		    s->dir, size, used);
	return STORE_OK;
}

/*
 * LMDB writes the first pages of a new file without a sync, and refuses a file
 * that has lost them.  So the file is made under another name, and gets its own
 * when it is durable: a power cut before that leaves no data.mdb.
 */
static int
make_file(struct store *s)
{
	char path[PATH_MAX];
	MDB_env *env;
	int rc;

	if ((size_t)snprintf(path, sizeof(path), "%s/data.new", s->dir) >=
	    sizeof(path))
		return ENAMETOOLONG;
	if ((rc = mdb_env_create(&env)) != 0)
		return rc;
	rc = mdb_env_set_mapsize(env, STORE_SIZE_MIN);
	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
	if (rc == 0)
		rc = mdb_env_sync(env, 1);
	mdb_env_close(env);
	if (rc == 0 &&
	    renameat(s->dirfd, "data.new", s->dirfd, "data.mdb") == -1)
		rc = errno;
	if (rc != 0)
		(void)unlinkat(s->dirfd, "data.new", 0);
	return rc;
}

/*
 * LMDB writes lock.mdb through a mapping of it.  On a full disk the process
 * would die of SIGBUS there, so the file is given its space before.
 * posix_fallocate(3) might write to what other processes have mapped.
 */
static int
allocate_lock(struct store *s, const char *name)
{
	struct stat st;
	int fd, rc;

	fd = openat(s->dirfd, name,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd == -1)
		return errno;
	rc = fstat(fd, &st) == -1 ? errno : 0;
	/* A full XFS does not even give a file what it has. */
	if (rc == 0 && (int64_t)st.st_blocks * 512 < LOCK_SIZE) {
		do
			rc = fallocate(fd, 0, 0, LOCK_SIZE);
		while (rc == -1 && errno == EINTR);
		rc = rc == -1 && errno != EOPNOTSUPP && errno != ENOSYS ?
		    errno :
		    0;
	}
	(void)close(fd);
	return rc;
}

/*
 * An earlier kvd made lock.mdb where writing copies: on a full disk its space
 * is worth nothing.  Whoever has the registry's lock and the checkpointer's may
 * put another in its place; when there is no space for that, or a registry is
 * about to end, the next start may.
 */
static enum store_result
renew_lock(struct store *s, const struct store_options *o)
{
	bool locked = s->lockfd != -1;

	if (!store_file_is_copied(s, "lock.mdb") ||
	    (!locked && store_lock_registry(s, o) != STORE_OK))
		return STORE_OK;
	/* A kvd that was killed may have left one. */
	(void)unlinkat(s->dirfd, "lock.new", 0);
	if (allocate_lock(s, "lock.new") != 0 ||
	    renameat(s->dirfd, "lock.new", s->dirfd, "lock.mdb") == -1)
		(void)unlinkat(s->dirfd, "lock.new", 0);
	return locked ? STORE_OK : store_unlock_registry(s);
}

static int
set_limits(struct store *s, size_t map_size)
{
	int rc;

	if ((rc = mdb_env_create(&s->env)) != 0 ||
	    (rc = mdb_env_set_maxdbs(s->env, 8)) != 0 ||
	    (rc = mdb_env_set_maxreaders(s->env, READERS_MAX)) != 0)
		return rc;
	return mdb_env_set_mapsize(s->env, map_size);
}

/* The registry maps more than the file will ever have, so that it never has to
 * map it anew; or as much as there are addresses for. */
static int
open_for_reading(struct store *s)
{
	size_t size = MAP_MAX;
	int rc;

	for (;; size /= 2) {
		if ((rc = set_limits(s, size)) == 0)
			rc = mdb_env_open(s->env, s->dir,
			    MDB_NOTLS | MDB_RDONLY, 0600);
		if (rc != ENOMEM || size / 2 < s->allocated)
			return rc;
		mdb_env_close(s->env);
		s->env = NULL;
	}
}

static int
open_for_writing(struct store *s)
{
	int rc = s->allocated == 0 ? make_file(s) : 0;

	if (rc == 0)
		rc = set_limits(s,
		    s->allocated < STORE_SIZE_MIN ? STORE_SIZE_MIN :
						    s->allocated);
	return rc == 0 ? mdb_env_open(s->env, s->dir, MDB_NOTLS, 0600) : rc;
}

static int
open_lmdb(struct store *s)
{
	int rc;

	if ((rc = allocate_lock(s, "lock.mdb")) == 0)
		rc = s->role == STORE_REGISTRY ? open_for_reading(s) :
						 open_for_writing(s);
	/* LMDB does this by itself, unless another program has it open: the
	 * views of a registry that was killed would keep their pages. */
	if (rc == 0)
		rc = mdb_reader_check(s->env, NULL);
	if (rc == 0)
		rc = mdb_env_get_fd(s->env, &s->fd);
	return rc;
}

static enum store_result
refuse_damaged(struct store *s, int rc)
{
	return store_fail(s, STORE_REFUSED,
	    "%s/data.mdb: cannot open: %s: if it was a store of kvd's, restore "
	    "the data directory from a backup",
	    s->dir, mdb_strerror(rc));
}

static enum store_result
open_environment(struct store *s)
{
	int rc;

	rc = open_lmdb(s);
	/* A lock that cannot be had for a moment LMDB takes for another
	 * process's, and finds that one's lock.mdb empty. */
	if (rc == EINVAL || rc == MDB_INVALID) {
		mdb_env_close(s->env);
		s->env = NULL;
		rc = open_lmdb(s);
	}
	if (rc == MDB_INVALID || rc == MDB_CORRUPTED ||
	    rc == MDB_VERSION_MISMATCH)
		return refuse_damaged(s, rc);
	if (rc != 0)
		return store_fail_rc(s, rc, store_refusal(rc),
		    "%s/data.mdb: cannot open", s->dir);
	return STORE_OK;
}

static int
open_databases(struct store *s, MDB_txn *txn, unsigned int flags)
{
	int db, rc = 0;

	for (db = 0; db < DB_COUNT && rc == 0; db++)
		rc =
		    mdb_dbi_open(txn, store_tree_names[db], flags, &s->dbi[db]);
	return rc;
}

static int
count_rows(struct store *s, MDB_txn *txn, enum table_db db, uint64_t *rows)
{
	MDB_stat st;
	int rc = mdb_stat(txn, s->dbi[db], &st);

	*rows = rc == 0 ? st.ms_entries : 0;
	return rc;
}

/* Entries of dropped buckets, which are no keys any more. */
static int
count_dropped(struct store *s, MDB_txn *txn, uint64_t *count)
{
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc;

	*count = 0;
	if ((rc = mdb_cursor_open(txn, s->dbi[DB_DROPPED], &cursor)) != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0)
		if (val.mv_size >= sizeof(uint64_t))
			*count += record_get_le64(val.mv_data);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Formats 1 and 2 did not count. */
static int
count_all(struct store *s, MDB_txn *txn, struct segment_totals *t)
{
	uint64_t dropped;
	int rc;

	if ((rc = count_rows(s, txn, DB_BUCKETS, &t->buckets)) != 0 ||
	    (rc = count_rows(s, txn, DB_ENTRIES, &t->keys)) != 0 ||
	    (rc = count_rows(s, txn, DB_EXPIRIES, &t->expiring)) != 0 ||
	    (rc = count_rows(s, txn, DB_DROPPED, &t->dropped)) != 0 ||
	    (rc = count_rows(s, txn, DB_OUTCOMES, &t->outcomes)) != 0 ||
	    (rc = count_dropped(s, txn, &dropped)) != 0)
		return rc;
	t->keys -= dropped < t->keys ? dropped : t->keys;
	return 0;
}

/* Makes the databases that are not there, and the log known. */
static int
put_state(struct store *s, MDB_txn *txn)
{
	struct fold_state state = { .store_id = s->store_id,
		.revision = s->revision };
	int rc = count_all(s, txn, &state.totals);

	return rc == 0 ? fold_put_state(s, txn, &state) : rc;
}

/* Makes what is missing, durably, in one commit.  `has_log`: the log is there
 * already. */
static int
try_format(struct store *s, bool has_log)
{
	MDB_txn *txn;
	int rc;

	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
		return rc;
	rc = open_databases(s, txn, MDB_CREATE);
	if (rc == 0 && !has_log)
		rc = put_state(s, txn);
	if (rc == 0)
		rc = sizes_count_all(s, txn);
	if (rc == 0)
		rc = store_put_format(s, txn);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int
commit_format(struct store *s, bool has_log)
{
	int rc;

	while ((rc = try_format(s, has_log)) == MDB_MAP_FULL &&
	    store_extend(s) == STORE_OK)
		;
	return rc;
}

static enum store_result
end_format(struct store *s, int rc, const char *what)
{
	return rc == 0 ?
	    STORE_OK :
	    store_fail_rc(s, rc, STORE_FAILED, "%s/data.mdb: %s", s->dir, what);
}

/*
 * The log first: until data.mdb knows of it, it is made again.  Revisions go
 * on where LMDB's own numbers are, which they were before there was a log.
 */
static enum store_result
make_format(struct store *s, const char *what)
{
	enum store_result result;
	MDB_envinfo info;
	int rc;

	if ((rc = mdb_env_info(s->env, &info)) != 0)
		return store_lmdb_result(s, "info", rc);
	s->revision = info.me_last_txnid + 1;
	if (getrandom(&s->store_id, sizeof(s->store_id), 0) !=
	    sizeof(s->store_id))
		return store_fail(s, STORE_FAILED, "no random numbers");
	if ((result = store_log_create(s)) != STORE_OK)
		return result;
	return end_format(s, commit_format(s, false), what);
}

/* The registry of a kvd that is about to end may still write to the store, so
 * its lock is needed, too. */
static enum store_result
upgrade_format(struct store *s, const struct store_options *o, uint32_t format)
{
	static const char what[] = "cannot upgrade";
	enum store_result result;

	if (s->role == STORE_REGISTRY)
		return store_fail(s, STORE_FAILED,
		    "%s/data.mdb: in an older format, which the checkpointer "
		    "has not upgraded yet",
		    s->dir);
	if (s->lockfd == -1 && (result = store_lock_registry(s, o)) != STORE_OK)
		return result;
	return format < FORMAT_WITH_LOG ?
	    make_format(s, what) :
	    end_format(s, commit_format(s, true), what);
}

/*
 * A name in a directory is durable when the directory is; LMDB leaves that to
 * its caller.  Before there is a store: what fails is done again.
 */
static enum store_result
create_format(struct store *s, const struct store_options *o)
{
	if (!o->create || s->role == STORE_REGISTRY)
		return store_fail(s, STORE_REFUSED,
		    "%s/data.mdb: all that it held has gone while kvd runs: "
		    "restore it from a backup",
		    s->dir);
	return make_format(s, "create");
}

/* Opens the databases, made anew if there is nothing at all. */
static enum store_result
open_format(struct store *s, const struct store_options *o)
{
	uint32_t format;
	MDB_txn *txn;
	MDB_stat st;
	int rc;

	if ((rc = mdb_env_stat(s->env, &st)) != 0)
		return store_lmdb_result(s, "stat", rc);
	if (st.ms_entries == 0)
		return create_format(s, o);
	if ((rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)) != 0)
		return store_lmdb_result(s, "begin", rc);
	rc = mdb_dbi_open(txn, "meta", 0, &s->dbi[DB_META]);
	if (rc == 0)
		rc = store_get_format(s, txn, &format);
	if (rc == 0 && format == STORE_FORMAT)
		rc = open_databases(s, txn, 0);
	mdb_txn_commit(txn); /* keeps the handles; there is nothing to write */
	if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND)
		return refuse_damaged(s, rc);
	if (rc != 0 && store_refusal(rc) == STORE_FAILED)
		return store_fail_rc(s, rc, STORE_FAILED,
		    "%s/data.mdb: cannot read", s->dir);
	if (rc != 0)
		return store_fail(s, STORE_REFUSED,
		    "%s/data.mdb: not a kvd store: %s: if it was one, restore "
		    "the data directory from a backup",
		    s->dir, mdb_strerror(rc));
	if (format >= FORMAT_FIRST && format < STORE_FORMAT)
		return upgrade_format(s, o, format);
	if (format != STORE_FORMAT)
		return store_fail(s, STORE_REFUSED,
		    "%s: data format %lu, this kvd reads format %d; "
		    "use the kvd that wrote it",
		    s->dir, (unsigned long)format, STORE_FORMAT);
	return STORE_OK;
}

/* A data.mdb that was begun on a full disk would not be one for the next
 * attempt. */
static void
take_back_file(struct store *s)
{
	if (s->allocated == 0)
		(void)unlinkat(s->dirfd, "data.mdb", 0);
}

/*
 * Allocates what the map already spans.  When the disk has no room for it
 * the store still opens, and takes what can be had later.
 */
static enum store_result
allocate_map(struct store *s)
{
	size_t want =
	    s->allocated < STORE_SIZE_MIN ? STORE_SIZE_MIN : s->allocated;

	(void)store_allocate(s, 0, want);
	s->allocated = 0;
	return store_use_file(s);
}

/*
 * What the checkpointer that was here before has committed may not be durable
 * yet.  And if it was killed between the two steps of LMDB's commit, those who
 * read see that commit only after the next who writes has begun to.
 */
static enum store_result
sync_file(struct store *s)
{
	MDB_txn *txn;
	int rc;

	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) == 0) {
		mdb_txn_abort(txn);
		rc = mdb_env_sync(s->env, 1);
	}
	return rc == 0 ?
	    STORE_OK :
	    store_fail_rc(s, rc, STORE_FAILED, "%s/data.mdb: sync", s->dir);
}

static enum store_result
read_damage(struct store *s)
{
	enum damage_result read;

	if ((s->damage = malloc(sizeof(*s->damage))) == NULL)
		return store_fail_memory(s, "the list of damage");
	if ((read = damage_read(s->damage, s->dirfd)) == DAMAGE_READ)
		return STORE_OK;
	free(s->damage);
	s->damage = NULL;
	if (read == DAMAGE_NONE)
		return STORE_OK;
	if (read == DAMAGE_MALFORMED)
		return store_fail(s, STORE_REFUSED,
		    "%s/" DAMAGE_FILE
		    ": malformed: remove it; kvd makes it again if it has to",
		    s->dir);
	return store_fail_rc(s, errno, store_refusal(errno), "%s/" DAMAGE_FILE,
	    s->dir);
}

/* The registry's part. */
static enum store_result
open_log(struct store *s)
{
	enum store_result result;

	if ((result = store_log_open(s)) != STORE_OK)
		return result;
	if (s->role == STORE_BOTH)
		s->reported = s->folded;
	result = store_measure_space(s);
	return result == STORE_OK ? store_count_damaged(s) : result;
}

enum store_result
store_begin(struct store **store, const struct store_options *o)
{
	struct store *s;

	*store = s = calloc(1, sizeof(*s));
	if (s == NULL)
		return STORE_FAILED;
	s->role = o->role;
	s->dirfd = s->lockfd = s->checkpointer_lockfd = s->fd = -1;
	s->sync_ms = o->sync_ms;
	s->epoch = epoch_none;
	s->memory = o->memory == NULL ? area_memory_none : *o->memory;
	s->clock_base_ms = o->clock_base_ms;
	s->alive = o->alive;
	s->alive_arg = o->alive_arg;
	s->snapshot.store = s->batch.store = s;
	s->batch.writes = true;
	s->segments[0] = s->segments[1] =
	    (struct segment){ .fd = -1, .direct_fd = -1 };
	s->log_size = o->log_size < SEGMENT_SIZE_MIN ?
	    SEGMENT_SIZE_MIN :
	    o->log_size / SEGMENT_BLOCK * SEGMENT_BLOCK;
	TAILQ_INIT(&s->pins);
	count_init(s);
	if (getrandom(s->hash_key, sizeof(s->hash_key), 0) !=
	    sizeof(s->hash_key))
		return store_fail_rc(s, errno, STORE_FAILED, "getrandom");
	if ((s->dir = strdup(o->dir)) == NULL)
		return store_fail_memory(s, "the directory's name");
	return STORE_OK;
}

enum store_result
store_open(struct store **store, const struct store_options *o)
{
	enum store_result result;
	struct store *s;

	if ((result = store_begin(store, o)) != STORE_OK)
		return result;
	s = *store;
	if ((result = store_open_directory(s, o)) != STORE_OK)
		return result;
	if (o->create && s->role != STORE_REGISTRY &&
	    (result = renew_lock(s, o)) != STORE_OK)
		return result;
	if ((result = open_environment(s)) != STORE_OK) {
		take_back_file(s);
		return result;
	}
	if ((result = read_damage(s)) != STORE_OK ||
	    (result = store_identify(s, o)) != STORE_OK ||
	    (result = check_size(s)) != STORE_OK ||
	    (result = store_map(s)) != STORE_OK ||
	    (result = open_format(s, o)) != STORE_OK ||
	    (result = allocate_map(s)) != STORE_OK)
		return result == STORE_FULL ? STORE_FAILED : result;
	if (s->role != STORE_REGISTRY && (result = sync_file(s)) != STORE_OK)
		return result;
	if (s->role == STORE_CHECKPOINTER) {
		result = store_unlock_registry(s);
		if (result == STORE_OK)
			result = store_log_find(s);
	} else
		result = open_log(s);
	return result == STORE_FULL ? STORE_FAILED : result;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_abort(s);
	store_free_pins(s);
	count_free(s);
	/* Closes the epoch before the lock is let go. */
	area_writer_close(s->area);
	store_heads_free(s);
	store_release(s);
	if (s->snapshot.txn != NULL)
		mdb_txn_abort(s->snapshot.txn);
	if (s->batch.txn != NULL)
		mdb_txn_abort(s->batch.txn);
	store_log_close(s);
	fold_list_clear(&s->fold);
	guard_end(s);
	store_unmap(s);
	if (s->env != NULL)
		mdb_env_close(s->env);
	if (s->lockfd != -1)
		(void)close(s->lockfd);
	if (s->checkpointer_lockfd != -1)
		(void)close(s->checkpointer_lockfd);
	epoch_close_file(&s->epoch);
	if (s->dirfd != -1)
		(void)close(s->dirfd);
	free(s->damage);
	free(s->dir);
	free(s);
}
