/*
 * store_log: the two segments of the log, which take turns, and what is read
 * from them when the store is opened.  Runs in the registry.
 *
 * A segment that is sealed has a successor whose header is durable.  It is
 * folded, and may then be begun anew, as its successor's.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_lmdb.h"

/* On a full disk: a segment with less space behind its end is sealed. */
#define FILE_LEAST ((size_t)256 << 10)

static const char *const names[2] = { "log.1", "log.2" };

static const char *
name_of(const struct store *s, const struct segment *g)
{
	return names[g - s->segments];
}

static enum store_result
fail_segment(struct store *s, const struct segment *g, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	s->shortage = SHORT_OF_LOG;
	s->log_open = s->log_open && full;
	return store_fail(s, full ? STORE_FULL : STORE_FAILED, "%s/%s: %s: %s",
	    s->dir, name_of(s, g), what, strerror(errno));
}

static struct segment *
other_segment(struct store *s)
{
	return &s->segments[1 - s->current];
}

static enum segment_write
how_to_write(const struct store *s)
{
	switch (s->sync_ms) {
	case STORE_SYNC_ALWAYS:
		return SEGMENT_DURABLE;
	case STORE_SYNC_NEVER:
		return SEGMENT_PACKED;
	default:
		return SEGMENT_APART;
	}
}

static enum store_result
check_header(struct store *s, struct segment *g)
{
	switch (segment_read_header(g)) {
	case SEGMENT_SOUND:
		return STORE_OK;
	case SEGMENT_DAMAGED:
		return store_fail(s, STORE_REFUSED,
		    "%s/%s: damaged at offset 0: restore the data directory "
		    "from a backup",
		    s->dir, name_of(s, g));
	case SEGMENT_CUT_SHORT:
		return store_fail(s, STORE_REFUSED,
		    "%s/%s: cut short: has %zu bytes and had more; restore "
		    "the data directory from a backup",
		    s->dir, name_of(s, g), g->file_size);
	default:
		return fail_segment(s, g, "cannot read");
	}
}

static enum store_result
open_segments(struct store *s, bool create)
{
	enum store_result result;
	struct segment *g;
	size_t i;

	for (i = 0; i < 2; i++) {
		g = &s->segments[i];
		if (segment_open(g, s->dirfd, names[i], create) == -1)
			return store_fail(s, store_refusal(errno),
			    "%s/%s: cannot open: %s", s->dir, names[i],
			    strerror(errno));
		if (g->file_size > SEGMENT_SIZE_MAX)
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: has %zu bytes, and no segment of the log "
			    "has so many",
			    s->dir, names[i], g->file_size);
		if (!create && (result = check_header(s, g)) != STORE_OK)
			return result;
		if (g->file_size > s->log_size)
			s->log_size = g->file_size;
	}
	return STORE_OK;
}

/* Nothing of it is known yet to data.mdb. */
enum store_result
store_log_create(struct store *s)
{
	enum store_result result;
	struct segment *g;
	size_t i;
	int rc;

	if ((result = open_segments(s, true)) != STORE_OK)
		return result;
	for (i = 0; i < 2; i++) {
		/* A header that is no longer one is no proof of anything. */
		(void)segment_read_header(&s->segments[i]);
		rc = segment_has_commits(&s->segments[i]);
		if (rc == -1)
			return fail_segment(s, &s->segments[i], "cannot read");
		if (rc == 1)
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: has writes that data.mdb does not know of; "
			    "if data.mdb was restored from a backup of an "
			    "earlier kvd, remove log.1 and log.2",
			    s->dir, names[i]);
	}
	for (i = 0; i < 2; i++) {
		g = &s->segments[i];
		if (segment_extend(g, SEGMENT_SIZE_MIN) == -1 ||
		    segment_erase(g) == -1)
			return fail_segment(s, g, "cannot make");
	}
	if (segment_begin(&s->segments[0], s->store_id, 1, NULL, s->revision,
		s->revision) == -1)
		return fail_segment(s, &s->segments[0], "cannot begin");
	return store_sync_directory(s);
}

static enum store_result
refuse_damaged(struct store *s, const struct segment *g)
{
	return store_fail(s, STORE_REFUSED,
	    "%s/%s: damaged at offset %zu: what was committed there and behind "
	    "it is lost; restore the data directory from a backup",
	    s->dir, name_of(s, g), g->end);
}

/* Which segment is the one of this generation?  NULL: neither. */
static struct segment *
find_segment(struct store *s, uint64_t generation)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (s->segments[i].generation == generation &&
		    s->segments[i].store_id == s->store_id)
			return &s->segments[i];
	return NULL;
}

/* Another store's log would be lost when its segment is begun anew. */
static enum store_result
refuse_foreign(struct store *s)
{
	const struct segment *g;
	size_t i;

	for (i = 0; i < 2; i++) {
		g = &s->segments[i];
		if (g->generation != 0 && g->store_id != s->store_id)
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: belongs to another store than data.mdb; "
			    "restore both from one backup",
			    s->dir, names[i]);
	}
	if (s->segments[0].generation == s->segments[1].generation)
		return store_fail(s, STORE_REFUSED,
		    "%s: log.1 and log.2 are the same: one is a copy; restore "
		    "the data directory from a backup",
		    s->dir);
	return STORE_OK;
}

/* As store_take_space() has it, as far as the segment knows the key. */
static size_t
replay_cost(const struct store *s, const struct table *t,
    const struct table_record *r)
{
	const struct table_record *old = table_record_at(t, r->older);
	size_t cost, had = 0;

	if (r->deleted)
		return 0;
	cost = store_fold_cost(s, r->key_size + r->value_size);
	if (r->older != 0 && !old->deleted)
		had = store_fold_cost(s, old->key_size + old->value_size);
	return cost > had ? cost - had : 0;
}

static void
replay_counts(struct store *s, const struct table *t,
    const struct segment_commit *c)
{
	const struct table_record *r;
	size_t at = (size_t)((const uint8_t *)c - t->image) + sizeof(*c);

	for (; at < t->end; at += table_record_size(r)) {
		r = table_record_at(t, at);
		s->counts.reserved += replay_cost(s, t, r);
	}
	s->counts.totals = c->totals;
}

/* Reads a segment into a table, up to its end. */
static enum store_result
load(struct store *s, struct segment *g, struct table **table)
{
	const struct segment_commit *c;
	struct table *t;

	*table = t = table_new(s->log_size);
	if (t == NULL)
		return store_fail(s, STORE_FAILED, "no memory for the log");
	t->generation = g->generation;
	if (segment_read(g, t->image) == -1)
		return fail_segment(s, g, "cannot read");
	while ((c = segment_next(g, t->image)) != NULL) {
		segment_accept(g, t->image, c);
		s->durable = c->durable;
		if (!table_replay(t, c))
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: the commit that ends at offset %zu is "
			    "malformed; restore the data directory from a "
			    "backup",
			    s->dir, name_of(s, g), g->end);
		replay_counts(s, t, c);
	}
	s->revision = g->revision;
	return STORE_OK;
}

/*
 * A segment that does not follow: what it has came after what a power cut took
 * away, and goes too, unless it knows that this was durable.
 */
static enum store_result
erase_next(struct store *s, const struct segment *first, struct segment *next,
    bool folding)
{
	enum store_result result = STORE_OK;
	struct table *t;

	if ((t = table_new(s->log_size)) == NULL)
		return store_fail(s, STORE_FAILED, "no memory for the log");
	if (segment_read(next, t->image) == -1)
		result = fail_segment(s, next, "cannot read");
	/* Before anything is folded the whole segment is made durable. */
	else if (folding ||
	    segment_vouches(next, t->image, first->revision + 1))
		result = refuse_damaged(s, first);
	else if (segment_erase(next) == -1)
		result = fail_segment(s, next, "cannot erase");
	table_drop(t);
	return result;
}

static bool
follows(const struct segment *next, const struct segment *g)
{
	return next != NULL && next->previous_revision == g->revision &&
	    next->previous_sum == g->sum;
}

/* The segments that are not folded: one, or a sealed and an open one. */
static enum store_result
load_segments(struct store *s, bool folding)
{
	struct segment *first = find_segment(s, s->folded + 1);
	struct segment *next = find_segment(s, s->folded + 2);
	enum store_result result;

	if (first == NULL || (folding && next == NULL))
		return store_fail(s, STORE_REFUSED,
		    "%s: the log that belongs to data.mdb is not there: "
		    "restore data.mdb, log.1 and log.2 from one backup",
		    s->dir);
	if ((result = load(s, first, &s->table)) != STORE_OK)
		return result;
	s->current = (unsigned int)(first - s->segments);
	if (segment_is_cut(first, s->table->image))
		return refuse_damaged(s, first);
	if (!follows(next, first))
		return next == NULL ? STORE_OK :
				      erase_next(s, first, next, folding);
	s->sealed = s->table;
	s->table = NULL;
	s->sealed_counts = s->counts;
	s->counts.reserved = 0;
	s->current = 1 - s->current;
	if ((result = load(s, next, &s->table)) != STORE_OK)
		return result;
	return segment_is_cut(next, s->table->image) ? refuse_damaged(s, next) :
						       STORE_OK;
}

/* Where the commits end that are certainly durable. */
static size_t
durable_end(const struct segment *g, const struct table *t, uint64_t durable)
{
	const struct segment_commit *c;
	struct segment again = *g;

	segment_rewind(&again);
	while ((c = segment_next(&again, t->image)) != NULL &&
	    c->revision <= durable)
		segment_accept(&again, t->image, c);
	return again.end;
}

/*
 * What was read may be in the kernel's cache alone; and of a write that failed
 * there, who opens the file later is not told.
 */
static enum store_result
rewrite(struct store *s, struct segment *g, const struct table *t)
{
	if (segment_rewrite(g, t->image, durable_end(g, t, s->durable)) == -1)
		return fail_segment(s, g, "cannot write");
	return STORE_OK;
}

static enum store_result
make_durable(struct store *s)
{
	enum store_result result = STORE_OK;

	if (s->sealed != NULL)
		result = rewrite(s, other_segment(s), s->sealed);
	if (result == STORE_OK)
		result = rewrite(s, store_log_segment(s), s->table);
	if (result == STORE_OK &&
	    segment_wipe_rest(store_log_segment(s), s->table->image) == -1)
		result = fail_segment(s, store_log_segment(s), "cannot write");
	if (result == STORE_OK)
		s->durable = s->revision;
	return result;
}

enum store_result
store_log_open(struct store *s)
{
	enum store_result result;
	struct fold_state state;
	bool folding = false;
	MDB_txn *txn;
	int rc;

	if ((rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)) != 0)
		return store_lmdb_result(s, "begin", rc);
	rc = fold_get_state(s, txn, &state);
	if (rc == 0)
		rc = fold_is_begun(s, txn, &folding);
	mdb_txn_abort(txn);
	if (rc != 0)
		return store_fail(s, store_refusal(rc),
		    "%s/data.mdb: cannot read the log's state: %s", s->dir,
		    mdb_strerror(rc));
	s->folded = state.folded;
	s->store_id = state.store_id;
	s->revision = state.revision;
	s->counts.totals = state.totals;
	if (s->segments[0].fd == -1 &&
	    (result = open_segments(s, false)) != STORE_OK)
		return result;
	if ((result = refuse_foreign(s)) != STORE_OK ||
	    (result = load_segments(s, folding)) != STORE_OK)
		return result;
	if ((result = make_durable(s)) != STORE_OK)
		return result;
	s->log_open = true;
	return STORE_OK;
}

/* An empty commit says that all that is before it is durable.  It is not
 * worth taking space of the disk. */
static void
mark_end(struct store *s)
{
	struct segment *g = store_log_segment(s);
	size_t start = segment_start(g, SEGMENT_DURABLE);
	struct segment_commit *c = (void *)(s->table->image + start);

	if (g->marked || start + SEGMENT_BLOCK > g->file_size ||
	    start + SEGMENT_BLOCK > s->table->capacity ||
	    (g->end == SEGMENT_BLOCK && g->previous_durable == s->revision))
		return;
	c->totals = s->counts.totals;
	(void)segment_append(g, s->table->image, start, start + sizeof(*c),
	    s->revision, s->durable, g->file_size, SEGMENT_DURABLE);
}

void
store_log_close(struct store *s)
{
	if (s->log_open && store_sync(s) == STORE_OK)
		mark_end(s);
	table_drop(s->table);
	table_drop(s->sealed);
	segment_close(&s->segments[0]);
	segment_close(&s->segments[1]);
}

enum store_result
store_log_seal(struct store *s)
{
	struct segment *g = store_log_segment(s), *next = other_segment(s);
	struct table *t;

	if ((t = table_new(s->log_size)) == NULL)
		return store_fail(s, STORE_FAILED, "no memory for the log");
	if (segment_begin(next, s->store_id, g->generation + 1, g, s->revision,
		s->durable) == -1) {
		table_drop(t);
		return fail_segment(s, next, "cannot begin");
	}
	t->generation = next->generation;
	s->sealed = s->table;
	s->table = t;
	s->current = 1 - s->current;
	s->sealed_counts = s->counts;
	s->counts.reserved = 0;
	store_lose_pins(s);
	return STORE_OK;
}

/* Has the open segment no room for another batch? */
static bool
is_used_up(struct store *s)
{
	const struct segment *g = store_log_segment(s);

	return g->end + store_log_commit_max(s) + SEGMENT_BLOCK > s->log_size ||
	    s->table->records >= STORE_RECORDS_MAX ||
	    (s->shortage == SHORT_OF_LOG && g->end + FILE_LEAST > g->file_size);
}

enum store_result
store_log_begin(struct store *s)
{
	enum store_result result;

	if (is_used_up(s) &&
	    ((result = fold_all(s)) != STORE_OK ||
		(result = store_log_seal(s)) != STORE_OK))
		return result;
	s->how = how_to_write(s);
	table_begin(s->table, segment_start(store_log_segment(s), s->how),
	    s->revision + 1);
	return STORE_OK;
}

enum store_result
store_log_append(struct store *s)
{
	struct segment *g = store_log_segment(s);
	struct segment_commit *c = (void *)(s->table->image + s->table->commit);
	enum segment_write how = how_to_write(s);
	/* The batch was begun when commits did not have to be durable. */
	bool late = how == SEGMENT_DURABLE && s->how == SEGMENT_PACKED;

	c->totals = s->counts.totals;
	if (segment_append(g, s->table->image, s->table->commit, s->table->end,
		s->revision + 1, s->durable, s->table->capacity,
		late ? SEGMENT_PACKED : how) == -1)
		return fail_segment(s, g, "commit");
	table_add_commit(s->table, c);
	s->revision++;
	if (late)
		return store_log_sync(s);
	if (how == SEGMENT_DURABLE)
		s->durable = s->revision;
	return STORE_OK;
}

enum store_result
store_log_sync(struct store *s)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (segment_sync(&s->segments[i]) == -1) {
			errno = EIO;
			return fail_segment(s, &s->segments[i], "sync");
		}
	s->durable = s->revision;
	return STORE_OK;
}
