/*
 * store_log: the two segments of the log, which take turns.  Runs in the
 * registry.
 *
 * To seal the open segment is to begin the other one, durably.  The sealed one
 * is then folded, after which it can be begun again itself.
 */

#include <errno.h>
#include <string.h>

#include "store/store_lmdb.h"

/* On a full disk: a segment with less space behind its end is sealed. */
#define FILE_LEAST ((size_t)256 << 10)

static const char *const names[2] = { "log.1", "log.2" };

const char *
store_log_name(const struct store *s, const struct segment *g)
{
	return names[g - s->segments];
}

enum store_result
store_log_fail(struct store *s, const struct segment *g, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	s->shortage = SHORT_OF_LOG;
	s->log_open = s->log_open && full;
	return store_fail_rc(s, errno, full ? STORE_FULL : STORE_FAILED,
	    "%s/%s: %s", s->dir, store_log_name(s, g), what);
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

/* Appends an empty commit, which says that all before it is durable.  No file
 * grows for that. */
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
	table_drop(s->spare);
	segment_close(&s->segments[0]);
	segment_close(&s->segments[1]);
}

/* A table for the next segment.  The spare one has its memory already. */
static struct table *
take_table(struct store *s)
{
	struct table *t = s->spare;

	s->spare = NULL;
	if (t != NULL && t->holders == 1)
		return t;
	/* Pins still read it. */
	table_drop(t);
	return table_new(s->log_size, s->hash_key);
}

enum store_result
store_log_seal(struct store *s)
{
	struct segment *g = store_log_segment(s), *next = store_log_other(s);
	struct table *t;

	if ((t = take_table(s)) == NULL)
		return store_fail_memory(s, "the log");
	if (segment_begin(next, s->store_id, g->generation + 1, g, s->revision,
		s->durable) == -1) {
		s->spare = t;
		return store_log_fail(s, next, "cannot begin");
	}
	table_reset(t, next->generation);
	s->sealed = s->table;
	s->table = t;
	s->current = 1 - s->current;
	s->sealed_counts = s->counts;
	s->sealed_revision = s->revision;
	s->counts.reserved = 0;
	s->wants_checkpoint = false;
	count_forget(s, g->generation);
	store_lose_pins(s);
	return STORE_OK;
}

bool
store_log_is_used_up(const struct store *s)
{
	const struct segment *g = &s->segments[s->current];

	return g->end + store_log_commit_max(s) + SEGMENT_BLOCK > s->log_size ||
	    s->table->records >= STORE_RECORDS_MAX ||
	    (s->shortage == SHORT_OF_LOG && g->end + FILE_LEAST > g->file_size);
}

bool
store_log_may_seal(const struct store *s)
{
	return s->sealed == NULL &&
	    s->segments[1 - s->current].generation <= s->reported;
}

enum store_result
store_log_begin(struct store *s)
{
	enum store_result result;

	/* store_may_write() says that it may. */
	if (store_log_is_used_up(s) && (result = store_log_seal(s)) != STORE_OK)
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
		return store_log_fail(s, g, "commit");
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
			return store_log_fail(s, &s->segments[i], "sync");
		}
	s->durable = s->revision;
	return STORE_OK;
}
