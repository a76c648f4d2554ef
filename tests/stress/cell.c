/*
 * cell: see cell.h.
 */

#include <string.h>

#include "stress/cell.h"

static struct cell_step *
slot(struct cell *c, uint32_t step)
{
	return &c->steps[step % CELL_STEPS];
}

const struct cell_step *
cell_get(const struct cell *c, uint32_t step)
{
	return &c->steps[step % CELL_STEPS];
}

enum cell_content
cell_now(const struct cell *c)
{
	return cell_get(c, c->own)->content;
}

static void
set(struct cell *c, uint32_t step, enum cell_content content, int64_t from_ms)
{
	*slot(c, step) = (struct cell_step){ .content = content,
		.from_ms = from_ms,
		.until_ms = INT64_MAX };
}

void
cell_init(struct cell *c, enum cell_kind kind, uint32_t number,
    enum cell_content content)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->number = number;
	c->keys = kind == CELL_GROUP ? CELL_KEYS_MAX : 1;
	set(c, 0, content, 0);
}

uint32_t
cell_write(struct cell *c, enum cell_content content)
{
	c->own = ++c->sent;
	set(c, c->own, content, 0);
	return c->own;
}

uint32_t
cell_write_expiring(struct cell *c, int64_t ttl_ms, int64_t now_ms)
{
	(void)cell_write(c, CELL_VALUE);
	slot(c, c->own)->ttl_ms = ttl_ms;
	set(c, ++c->sent, CELL_ABSENT, now_ms + ttl_ms - CELL_SLACK_MS);
	return c->own;
}

static bool
is_remembered(const struct cell *c, uint32_t step)
{
	return c->sent - step < CELL_STEPS;
}

void
cell_done(struct cell *c, uint32_t step, int64_t now_ms)
{
	struct cell_step *s = slot(c, step);

	cell_saw(c, step);
	if (is_remembered(c, step) && s->ttl_ms > 0)
		s->until_ms = now_ms + s->ttl_ms + CELL_SLACK_MS;
}

void
cell_saw(struct cell *c, uint32_t step)
{
	if (step > c->floor)
		c->floor = step;
}

static enum cell_verdict
check_time(const struct cell_step *s, const struct cell_read *r)
{
	if (r->end_ms < s->from_ms)
		return CELL_EARLY;
	return r->start_ms > s->until_ms ? CELL_LATE : CELL_GOOD;
}

/* The value has named its step. */
static enum cell_verdict
check_value(const struct cell *c, const struct cell_read *r)
{
	const struct cell_step *s = cell_get(c, r->value);

	if (r->value > c->sent || r->value > r->at_most)
		return CELL_UNSENT;
	if (r->value < r->at_least)
		return CELL_STALE;
	if (!is_remembered(c, r->value))
		return CELL_GOOD;
	if (s->content != CELL_VALUE)
		return CELL_UNSENT;
	return check_time(s, r);
}

/* Takes the lowest step that has what was seen. */
static enum cell_verdict
check_content(const struct cell *c, const struct cell_read *r, uint32_t *step)
{
	uint32_t last = r->at_most < c->sent ? r->at_most : c->sent, n;
	enum cell_verdict verdict = CELL_STALE;
	const struct cell_step *s;

	if (!is_remembered(c, r->at_least))
		return CELL_UNCHECKED;
	for (n = r->at_least; n <= last; n++) {
		s = cell_get(c, n);
		if ((s->content & r->seen) == 0)
			continue;
		*step = n;
		if ((verdict = check_time(s, r)) == CELL_GOOD)
			break;
	}
	return verdict;
}

enum cell_verdict
cell_check(const struct cell *c, const struct cell_read *r, uint32_t *step)
{
	if (r->seen != CELL_VALUE || r->value == 0)
		return check_content(c, r, step);
	*step = r->value;
	return check_value(c, r);
}
