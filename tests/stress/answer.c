/*
 * answer: see answer.h.
 */

#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "stress/answer.h"
#include "stress/value.h"

/* So much of a wrong line is printed. */
#define PRINT_MAX 80

static void
fail_line(struct run *r, const struct conn *c, struct bytes line,
    uint64_t *count, const char *what)
{
	outcome_failure(&r->outcome, count,
	    "client %u: %s: \"%.*s\" (%zu bytes)", c->number, what,
	    line.size < PRINT_MAX ? (int)line.size : PRINT_MAX,
	    (const char *)line.data, line.size);
}

/* Data lines */

static bool
take_value(struct run *r, struct conn *c, struct bytes text, unsigned int key,
    struct reading *got)
{
	struct value_key k = { .cell = conn_first(c)->cell->number,
		.key = (uint8_t)key };

	got->content = text.size == 0 ? CELL_ABSENT : CELL_VALUE;
	if (text.size == 0 || value_parse(text.data, text.size, k, &got->value))
		return true;
	fail_line(r, c, text, &r->outcome.torn, "nobody wrote this value");
	return false;
}

/* All keys of a cell, and all reads of a transaction, are of one moment. */
static void
check_same(struct run *r, struct conn *c, const struct reading *one,
    const struct reading *other)
{
	const struct cell *cell = conn_first(c)->cell;

	if (one->content == other->content && one->value == other->value)
		return;
	outcome_failure(&r->outcome, &r->outcome.half,
	    "client %u: cell %u: steps %u and %u at the same time", c->number,
	    cell->number, one->value, other->value);
	history_print(&r->history, cell->number);
}

static void
take_values(struct run *r, struct conn *c, struct bytes line)
{
	const struct ask *a = conn_first(c);
	struct reading got = { .lines = c->now.lines + 1 };

	if (!take_value(r, c, line, a->first_key + c->now.lines, &got))
		return;
	if (c->now.lines > 0)
		check_same(r, c, &c->now, &got);
	c->now = got;
}

/* The value is behind the key. */
static void
take_entry(struct run *r, struct conn *c, struct bytes line)
{
	const char *blank = memchr(line.data, ' ', line.size);
	struct bytes value = { line.data, 0 };

	if (blank != NULL) {
		value.data = blank + 1;
		value.size =
		    line.size - (size_t)(blank + 1 - (const char *)line.data);
	}
	c->now.lines++;
	(void)take_value(r, c, value, 0, &c->now);
}

static void
take_count(struct run *r, struct conn *c, struct bytes line)
{
	c->now.lines++;
	if (bytes_are(line, "1"))
		c->now.content = CELL_VALUE;
	else if (bytes_are(line, "0"))
		c->now.content = CELL_ABSENT;
	else
		fail_line(r, c, line, &r->outcome.errors, "not 1 or 0");
}

/* Reads that have ended */

static struct cell_read
make_read(const struct conn *c, const struct ask *a, unsigned int seen,
    uint32_t value)
{
	struct cell_read read = { .seen = seen,
		.value = value,
		.at_least = a->at_least,
		.at_most = a->at_most,
		.start_ms = a->start_ms,
		.end_ms = clock_ms() };

	if (c->seen[a->cell->number] > read.at_least)
		read.at_least = c->seen[a->cell->number];
	return read;
}

static void
record(struct run *r, const struct conn *c, const struct ask *a,
    enum history_what what, const struct cell_read *read, uint32_t step)
{
	history_add(&r->history,
	    &(struct history_event){ .start = a->start,
		.end = r->history.calls,
		.cell = a->cell->number,
		.conn = c->number,
		.seen = read->seen,
		.at_least = read->at_least,
		.step = step,
		.what = what });
}

static void
fail_read(struct run *r, const struct conn *c, const struct ask *a,
    enum cell_verdict verdict, const struct cell_read *read, uint32_t step)
{
	static const char *const texts[] = {
		[CELL_STALE] = "it has read what had been replaced",
		[CELL_UNSENT] = "it has read what nobody wrote",
		[CELL_LATE] = "it has read what had expired",
		[CELL_EARLY] = "its key was gone too early",
	};
	struct outcome *o = &r->outcome;
	uint64_t *const counts[] = {
		[CELL_STALE] = a->own ? &o->own_stale : &o->stale,
		[CELL_UNSENT] = &o->unsent,
		[CELL_LATE] = &o->late,
		[CELL_EARLY] = &o->early,
	};

	outcome_failure(o, counts[verdict], "client %u%s: cell %u: %s",
	    c->number, a->own ? ", which writes it" : "", a->cell->number,
	    texts[verdict]);
	record(r, c, a, HISTORY_WRONG, read, step);
	history_print(&r->history, a->cell->number);
}

static void
count_read(struct outcome *o, const struct ask *a, unsigned int seen)
{
	unsigned int n = a->keys;

	o->reads += n;
	if (a->own)
		o->own_reads += n;
	if (seen == CELL_NO_BUCKET)
		o->no_bucket += n;
	else if (seen & CELL_ABSENT)
		o->absent += n;
}

static void
end_read(struct run *r, struct conn *c, unsigned int seen)
{
	const struct ask *a = conn_first(c);
	struct cell_read read = make_read(c, a, seen, c->now.value);
	enum cell_verdict verdict;
	uint32_t step = c->now.value;

	if (a->same)
		check_same(r, c, &c->before, &c->now);
	count_read(&r->outcome, a, seen);
	verdict = cell_check(a->cell, &read, &step);
	if (verdict == CELL_UNCHECKED) {
		r->outcome.unchecked += a->keys;
	} else if (verdict != CELL_GOOD) {
		fail_read(r, c, a, verdict, &read, step);
	} else {
		cell_saw(a->cell, step);
		if (step > c->seen[a->cell->number])
			c->seen[a->cell->number] = step;
		record(r, c, a, HISTORY_READ, &read, step);
	}
}

static void
end_write(struct run *r, struct conn *c)
{
	const struct ask *a = conn_first(c);
	struct cell_read what = { .seen = cell_get(a->cell, a->done)->content };

	cell_done(a->cell, a->done, clock_ms());
	if (a->done > c->seen[a->cell->number])
		c->seen[a->cell->number] = a->done;
	record(r, c, a, HISTORY_WRITE, &what, a->done);
	r->outcome.writes++;
}

/* Lines */

/* How many lines come before the status OK. */
static unsigned int
count_lines(const struct ask *a)
{
	switch (a->what) {
	case ASK_VALUES:
		return a->keys;
	case ASK_ENTRY:
	case ASK_COUNT:
		return 1;
	default:
		return 0;
	}
}

static void
take_data(struct run *r, struct conn *c, struct bytes line)
{
	switch (conn_first(c)->what) {
	case ASK_VALUES:
		take_values(r, c, line);
		break;
	case ASK_ENTRY:
		take_entry(r, c, line);
		break;
	default:
		take_count(r, c, line);
	}
}

/* NOT FOUND may answer a read: there is no bucket, or no key. */
static bool
may_be_missing(const struct conn *c, const struct ask *a, struct bytes line)
{
	return (a->what == ASK_VALUES || a->what == ASK_EXISTS) &&
	    c->now.lines == 0 && bytes_are(line, "NOT FOUND");
}

static void
take_status(struct run *r, struct conn *c, struct bytes line)
{
	const struct ask *a = conn_first(c);

	if (may_be_missing(c, a, line)) {
		c->now.content = CELL_NO_BUCKET;
		end_read(r, c,
		    a->what == ASK_EXISTS ? CELL_ABSENT | CELL_NO_BUCKET :
					    CELL_NO_BUCKET);
	} else if (!bytes_are(line, a->word)) {
		fail_line(r, c, line, &r->outcome.errors, "a wrong reply");
		return;
	} else if (a->what == ASK_EXISTS) {
		end_read(r, c, CELL_VALUE);
	} else if (a->what != ASK_WORD) {
		end_read(r, c, c->now.content);
	}
	if (a->done > 0)
		end_write(r, c);
	conn_next(c);
}

static void
take_line(struct run *r, struct conn *c, struct bytes line)
{
	const struct ask *a = conn_first(c);

	if (c->count == 0)
		fail_line(r, c, line, &r->outcome.errors, "nobody asked");
	else if (c->now.lines < count_lines(a) && !may_be_missing(c, a, line))
		take_data(r, c, line);
	else
		take_status(r, c, line);
}

void
answer_take(struct run *r, struct conn *c)
{
	struct bytes line;

	while (!r->outcome.failed && conn_line(c, &line)) {
		take_line(r, c, line);
		conn_skip_line(c, line);
	}
}
