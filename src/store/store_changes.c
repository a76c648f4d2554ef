/*
 * store_changes: what the log has of the commits after a revision.  Runs in the
 * registry.
 *
 * The tables hold each commit as it is in the log.  A segment that is folded has
 * no table any more, but its file stays as it is until it is begun anew: it is
 * read again when somebody asks for what it holds.
 */

#include <stdlib.h>

#include "store/store_record.h"

struct store_changes {
	struct store *store;
	struct table *past; /* of the folded segment, if it was read; or NULL */
	uint64_t revision; /* of the commit that is being gone through */
	uint64_t number; /* of its last change */
	size_t at; /* of its next record, from where it begins */
};

static const struct segment *
other_segment(const struct store *s)
{
	return &s->segments[1 - s->current];
}

/* Is the other segment the one before the open one? */
static bool
has_past(const struct store *s)
{
	const struct segment *g = other_segment(s);

	return g->generation != 0 && g->store_id == s->store_id &&
	    g->generation + 1 == s->segments[s->current].generation;
}

uint64_t
store_reach(const struct store *s)
{
	return has_past(s) ? other_segment(s)->previous_revision :
			     s->segments[s->current].previous_revision;
}

enum store_result
store_bucket_number(struct store_view *v, struct bytes bucket, uint64_t *number)
{
	enum store_result result = store_find_bucket(v, bucket);

	*number = result == STORE_OK ? v->id : 0;
	return result;
}

struct store_changes *
store_changes_open(struct store *s)
{
	struct store_changes *ch = calloc(1, sizeof(*ch));

	if (ch != NULL) {
		ch->store = s;
		store_changes_seek(ch, s->revision);
	}
	return ch;
}

/* Goes to the beginning of a commit. */
static void
go_to(struct store_changes *ch, uint64_t revision)
{
	ch->revision = revision;
	ch->number = 0;
	ch->at = sizeof(struct segment_commit);
}

void
store_changes_seek(struct store_changes *ch, uint64_t revision)
{
	go_to(ch, revision + 1);
}

void
store_changes_close(struct store_changes *ch)
{
	if (ch == NULL)
		return;
	table_drop(ch->past);
	free(ch);
}

/* Finds the commits in the image of a table.  False: they are not those that
 * came before the open segment. */
static bool
find_commits(const struct store *s, struct table *t)
{
	const struct segment *open = &s->segments[s->current];
	struct segment g = *other_segment(s);
	const struct segment_commit *c;

	segment_rewind(&g);
	while ((c = segment_next(&g, t->image)) != NULL) {
		segment_accept(&g, t->image, c);
		if (c->size > sizeof(*c))
			table_add_commit(t, c);
	}
	t->generation = g.generation;
	return g.revision == open->previous_revision &&
	    g.sum == open->previous_sum;
}

static enum store_result
read_past(struct store_changes *ch)
{
	struct store *s = ch->store;
	struct table *t;

	if (s->sealed != NULL || !has_past(s) ||
	    (ch->past != NULL &&
		ch->past->generation == other_segment(s)->generation))
		return STORE_LOST;
	if ((t = table_new(s->log_size, s->hash_key)) == NULL)
		return store_fail_memory(s, "the log");
	if (segment_read(other_segment(s), t->image) == -1 ||
	    !find_commits(s, t)) {
		table_drop(t);
		return STORE_LOST;
	}
	table_drop(ch->past);
	ch->past = t;
	return STORE_OK;
}

static const struct segment_commit *
find_commit(const struct store_changes *ch)
{
	const struct store *s = ch->store;
	const struct table *tables[] = { s->table, s->sealed, ch->past };
	const struct segment_commit *c = NULL;
	size_t i;

	for (i = 0; i < 3 && c == NULL; i++)
		if (tables[i] != NULL)
			c = table_commit(tables[i], ch->revision);
	return c;
}

/* Reads a record of `entries`.  False: it is too short for one. */
static bool
describe_entry(const struct table_record *r, struct store_change *change)
{
	struct bytes key = table_record_key(r), value = table_record_value(r);

	change->type = r->deleted ? STORE_CHANGE_DELETED : STORE_CHANGE_PUT;
	change->key = (struct bytes){ (const uint8_t *)key.data + ID_SIZE,
		key.size - ID_SIZE };
	if (r->deleted)
		return true;
	if (value.size < ENTRY_HEADER)
		return false;
	change->value =
	    (struct bytes){ (const uint8_t *)value.data + ENTRY_HEADER,
		    value.size - ENTRY_HEADER };
	return true;
}

/* False: the record is no change. */
static bool
describe(const struct table_record *r, struct store_change *change)
{
	struct bytes key = table_record_key(r);

	if ((r->db != DB_ENTRIES && r->db != DB_DROPPED) || r->quiet ||
	    key.size < ID_SIZE)
		return false;
	change->bucket = record_get_be64(key.data);
	if (r->db == DB_ENTRIES)
		return describe_entry(r, change);
	change->type = STORE_CHANGE_DROPPED;
	return true;
}

/* The next change of the commit, or its end. */
static void
next_of_commit(struct store_changes *ch, const struct segment_commit *c,
    struct store_change *change)
{
	struct bytes name = { NULL, 0 };
	const struct table_record *r;

	*change = (struct store_change){ .revision = ch->revision };
	while (ch->at < c->size) {
		r = (const void *)((const uint8_t *)c + ch->at);
		ch->at += table_record_size(r);
		/* A name that is freed comes before the bucket that had it. */
		if (r->db == DB_BUCKETS && r->deleted)
			name = table_record_key(r);
		if (describe(r, change)) {
			if (change->type == STORE_CHANGE_DROPPED)
				change->key = name;
			change->number = ++ch->number;
			return;
		}
	}
	change->type = STORE_CHANGE_COMMIT;
	go_to(ch, ch->revision + 1);
}

enum store_result
store_changes_next(struct store_changes *ch, struct store_change *change)
{
	const struct segment_commit *c = find_commit(ch);
	enum store_result result;

	if (c == NULL && ch->revision > ch->store->revision)
		return STORE_ABSENT;
	if (c == NULL) {
		if ((result = read_past(ch)) != STORE_OK)
			return result;
		c = find_commit(ch);
	}
	if (c == NULL)
		return STORE_LOST;
	next_of_commit(ch, c, change);
	return STORE_OK;
}
