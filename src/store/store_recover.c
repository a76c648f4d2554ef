/*
 * store_recover: makes the log, and reads what is in it when the store is
 * opened.  Runs in the registry; the checkpointer makes the log, and reads the
 * sealed segment.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/store_lmdb.h"

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
		    s->dir, store_log_name(s, g));
	case SEGMENT_CUT_SHORT:
		return store_fail(s, STORE_REFUSED,
		    "%s/%s: cut short: has %zu bytes and had more; restore "
		    "the data directory from a backup",
		    s->dir, store_log_name(s, g), g->file_size);
	default:
		return store_log_fail(s, g, "cannot read");
	}
}

static enum store_result
refuse_missing(struct store *s)
{
	return store_fail(s, STORE_REFUSED,
	    "%s: the log that belongs to data.mdb is not there: restore "
	    "data.mdb, log.1 and log.2 from one backup",
	    s->dir);
}

/* The segment could not be opened: errno says why. */
static enum store_result
refuse_unopened(struct store *s, const struct segment *g)
{
	if (errno == ENOENT)
		return refuse_missing(s);
	return store_fail_rc(s, errno, store_refusal(errno),
	    "%s/%s: cannot open", s->dir, store_log_name(s, g));
}

static enum store_result
open_segments(struct store *s, bool create)
{
	enum store_result result;
	struct segment *g;
	size_t i;

	for (i = 0; i < 2; i++) {
		g = &s->segments[i];
		if (segment_open(g, s->dirfd, store_log_name(s, g), create) ==
		    -1)
			return refuse_unopened(s, g);
		if (g->file_size > SEGMENT_SIZE_MAX)
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: has %zu bytes, and no segment of the log "
			    "has so many",
			    s->dir, store_log_name(s, g), g->file_size);
		if (!create && (result = check_header(s, g)) != STORE_OK)
			return result;
		if (g->file_size > s->log_size)
			s->log_size = g->file_size;
	}
	return STORE_OK;
}

/* Called while data.mdb does not know of a log.  What an attempt that was cut
 * off has made is made again, but a segment with commits is somebody's data. */
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
		g = &s->segments[i];
		/* A header that is no longer one is no proof of anything. */
		(void)segment_read_header(g);
		rc = segment_has_commits(g);
		if (rc == -1)
			return store_log_fail(s, g, "cannot read");
		if (rc == 1)
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: has writes that data.mdb does not know of; "
			    "if data.mdb was restored from a backup of an "
			    "earlier kvd, remove log.1 and log.2",
			    s->dir, store_log_name(s, g));
	}
	for (i = 0; i < 2; i++) {
		g = &s->segments[i];
		if (segment_extend(g, SEGMENT_SIZE_MIN) == -1 ||
		    segment_erase(g) == -1)
			return store_log_fail(s, g, "cannot make");
	}
	if (segment_begin(&s->segments[0], s->store_id, 1, NULL, s->revision,
		s->revision) == -1)
		return store_log_fail(s, &s->segments[0], "cannot begin");
	return store_sync_directory(s);
}

static enum store_result
refuse_damaged(struct store *s, const struct segment *g)
{
	return store_fail(s, STORE_REFUSED,
	    "%s/%s: damaged at offset %zu: what was committed there and behind "
	    "it is lost; restore the data directory from a backup",
	    s->dir, store_log_name(s, g), g->end);
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
			    s->dir, store_log_name(s, g));
	}
	if (s->segments[0].generation == s->segments[1].generation)
		return store_fail(s, STORE_REFUSED,
		    "%s: log.1 and log.2 are the same: one is a copy; restore "
		    "the data directory from a backup",
		    s->dir);
	return STORE_OK;
}

/* What store_take_space() reserved for a record, as far as this segment tells
 * what the key had before. */
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

/* A checkpointer goes through all of it, and looks for nothing. */
static bool
take_commit(struct store *s, struct table *t, const struct segment_commit *c)
{
	if (s->role == STORE_CHECKPOINTER) {
		s->counts.totals = c->totals;
		return table_append(t, c);
	}
	if (!table_replay(t, c))
		return false;
	replay_counts(s, t, c);
	return true;
}

/* Reads a segment into a table, up to its end. */
static enum store_result
load(struct store *s, struct segment *g, struct table **table)
{
	const struct segment_commit *c;
	struct table *t;

	*table = t = table_new(s->log_size, s->hash_key);
	if (t == NULL)
		return store_fail_memory(s, "the log");
	t->generation = g->generation;
	if (segment_read(g, t->image) == -1)
		return store_log_fail(s, g, "cannot read");
	while ((c = segment_next(g, t->image)) != NULL) {
		segment_accept(g, t->image, c);
		s->durable = c->durable;
		if (!take_commit(s, t, c))
			return store_fail(s, STORE_REFUSED,
			    "%s/%s: the commit that ends at offset %zu is "
			    "malformed; restore the data directory from a "
			    "backup",
			    s->dir, store_log_name(s, g), g->end);
	}
	s->revision = g->revision;
	return STORE_OK;
}

/*
 * The next segment does not continue the first, so a power cut has taken away
 * the end of the first.  What came after that is erased, too; but if anything
 * says that the end was durable, it is damage.
 */
static enum store_result
erase_next(struct store *s, const struct segment *first, struct segment *next,
    bool folding)
{
	enum store_result result = STORE_OK;
	/* Of the first commit that is lost; where that is only the mark of a
	 * stop, of the one before it. */
	uint64_t lost = first->revision < next->previous_revision ?
	    first->revision + 1 :
	    next->previous_revision;
	struct table *t;

	if ((t = table_new(s->log_size, s->hash_key)) == NULL)
		return store_fail_memory(s, "the log");
	if (segment_read(next, t->image) == -1)
		result = store_log_fail(s, next, "cannot read");
	/* Before anything is folded the whole segment is made durable. */
	else if (folding || segment_vouches(next, t->image, lost))
		result = refuse_damaged(s, first);
	else if (segment_erase(next) == -1)
		result = store_log_fail(s, next, "cannot erase");
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
		return refuse_missing(s);
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
	s->sealed_revision = s->revision;
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
 * What was read may be in the kernel's cache alone.  If the kernel fails to
 * write it, only those are told who had the file open then: so it is written
 * again.  Where no commit is certainly durable, the header may not be either.
 */
static enum store_result
rewrite(struct store *s, struct segment *g, const struct table *t)
{
	size_t from = durable_end(g, t, s->durable);

	if (segment_rewrite(g, t->image, from == SEGMENT_BLOCK ? 0 : from) ==
	    -1)
		return store_log_fail(s, g, "cannot write");
	return STORE_OK;
}

static enum store_result
make_durable(struct store *s)
{
	enum store_result result = STORE_OK;

	if (s->sealed != NULL)
		result = rewrite(s, store_log_other(s), s->sealed);
	if (result == STORE_OK)
		result = rewrite(s, store_log_segment(s), s->table);
	if (result == STORE_OK &&
	    segment_wipe_rest(store_log_segment(s), s->table->image) == -1)
		result =
		    store_log_fail(s, store_log_segment(s), "cannot write");
	if (result == STORE_OK)
		s->durable = s->revision;
	return result;
}

/* What data.mdb knows of the log. */
static enum store_result
read_state(struct store *s, bool *folding)
{
	enum store_result result;
	struct fold_state state;

	if ((result = fold_read_state(s, &state, folding)) != STORE_OK)
		return result;
	s->folded = state.folded;
	s->store_id = state.store_id;
	s->revision = state.revision;
	s->counts.totals = state.totals;
	return STORE_OK;
}

enum store_result
store_log_open(struct store *s)
{
	enum store_result result;
	bool folding = false;

	if ((result = read_state(s, &folding)) != STORE_OK)
		return result;
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

/* The segments as they are now.  *sound: a header that is being written while
 * it is read is not. */
static enum store_result
open_again(struct store *s, bool *sound)
{
	struct segment *g;
	size_t i;

	*sound = true;
	for (i = 0; i < 2; i++) {
		g = &s->segments[i];
		segment_close(g);
		if (segment_open(g, s->dirfd, store_log_name(s, g), false) ==
		    -1)
			return refuse_unopened(s, g);
		*sound = *sound && segment_read_header(g) == SEGMENT_SOUND;
		if (g->file_size > s->log_size)
			s->log_size = g->file_size;
	}
	return STORE_OK;
}

enum store_result
store_log_find(struct store *s)
{
	bool sound;

	return open_again(s, &sound);
}

/*
 * Makes the sealed segment durable: data.mdb must not have what the log may
 * lose.  A checkpointer that was here before may have tried, and been told that
 * it failed.
 */
static enum store_result
sync_sealed(struct store *s, struct segment *g)
{
	if (s->reported == 0)
		return rewrite(s, g, s->sealed);
	return fdatasync(g->fd) == -1 ? store_log_fail(s, g, "sync") : STORE_OK;
}

/*
 * Reads the sealed segment.  After a power cut it may lack its end, and the
 * registry, which has not started yet, will know what to do about it: so that is
 * no reason to end.
 */
static enum store_result
load_sealed(struct store *s, struct segment *first, const struct segment *next)
{
	enum store_result result;

	s->current = (unsigned int)(next - s->segments);
	/* What a backup that was killed has read may be used again. */
	(void)mdb_reader_check(s->env, NULL);
	if ((result = load(s, first, &s->sealed)) != STORE_OK)
		return result;
	if (!follows(next, first)) {
		(void)refuse_damaged(s, first);
		return STORE_DAMAGED;
	}
	s->sealed_counts = s->counts;
	s->sealed_revision = s->revision;
	if ((result = sync_sealed(s, first)) == STORE_OK)
		s->durable = s->revision;
	return result;
}

enum store_result
store_find_sealed(struct store *s, bool *found)
{
	struct segment *first, *next;
	enum store_result result;
	bool folding, sound;

	*found = s->sealed != NULL;
	if (*found || s->role == STORE_BOTH)
		return STORE_OK;
	if ((result = read_state(s, &folding)) != STORE_OK ||
	    (result = open_again(s, &sound)) != STORE_OK)
		return result;
	if (!sound)
		return STORE_BEHIND;
	first = find_segment(s, s->folded + 1);
	next = find_segment(s, s->folded + 2);
	if (first == NULL || next == NULL)
		return STORE_OK;
	result = load_sealed(s, first, next);
	*found = result == STORE_OK;
	if (result != STORE_OK) {
		table_drop(s->sealed);
		s->sealed = NULL;
	}
	return result == STORE_REFUSED ? STORE_FAILED : result;
}
