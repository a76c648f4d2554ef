/*
 * memory: what connections may hold in memory.  Runs in the registry; the peers
 * are workers that may have been taken over by their clients.
 */

#include "common/clock.h"
#include "registry/conn.h"
#include "registry/memory.h"
#include "registry/state.h"

/* Enough for eight of the largest replies at the default max-value. */
#define POOL_SIZE ((size_t)16 << 20)
/* How long one may hold memory while others need it, and how much longer for
 * each POOL_SIZE that it holds. */
#define HOLD_MS 1000

void
memory_init(struct memory *m)
{
	TAILQ_INIT(&m->holders);
}

/* One that needs more than there is at all gets it when nobody else has any. */
static bool
has_left(const struct memory *m, size_t size)
{
	return m->used == 0 || m->used + size <= POOL_SIZE;
}

static void
hold(struct registry *r, struct conn *c, size_t size)
{
	struct conn_memory *m = &c->memory;

	if (m->held == 0 && size != 0) {
		m->since_ms = clock_ms();
		TAILQ_INSERT_TAIL(&r->memory.holders, c, memory.entry);
	} else if (m->held != 0 && size == 0)
		TAILQ_REMOVE(&r->memory.holders, c, memory.entry);
	r->memory.used += size - m->held;
	m->held = size;
}

bool
memory_take(struct registry *r, struct conn *c, size_t size)
{
	struct conn_memory *m = &c->memory;

	if (size <= m->held)
		return true;
	if (has_left(&r->memory, size - m->held)) {
		hold(r, c, size);
		m->reserved = true;
		return true;
	}
	m->wanted = size;
	conn_hold(r, c, CONN_STARVED);
	return false;
}

void
memory_executed(struct conn *c)
{
	c->memory.reserved = false;
}

void
memory_set(struct registry *r, struct conn *c, size_t size)
{
	if (!c->memory.reserved && c->memory.held != size)
		hold(r, c, size);
}

void
memory_leave(struct registry *r, struct conn *c)
{
	memory_executed(c);
	memory_set(r, c, 0);
}

/* In the order in which they came, so that nobody waits for ever. */
static void
feed(struct registry *r)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&r->starved)) != NULL &&
	    has_left(&r->memory, c->memory.wanted - c->memory.held)) {
		conn_hold(r, c, CONN_RUNS);
		(void)memory_take(r, c, c->memory.wanted);
	}
}

/* Does another connection need what this one, the first holder, has?  One alone
 * may hold more than the pool. */
static bool
is_short(const struct registry *r, const struct conn *first)
{
	return !TAILQ_EMPTY(&r->starved) ||
	    (r->memory.used > POOL_SIZE &&
		TAILQ_NEXT(first, memory.entry) != NULL);
}

int64_t
memory_deadline(const struct registry *r)
{
	const struct conn *c = TAILQ_FIRST(&r->memory.holders);

	if (c == NULL || !is_short(r, c))
		return CLOCK_NEVER;
	return c->memory.since_ms +
	    HOLD_MS * (1 + (int64_t)(c->memory.held / POOL_SIZE));
}

void
memory_run(struct registry *r)
{
	feed(r);
	while (memory_deadline(r) <= clock_ms()) {
		warning_close(r, "others need the memory that it holds");
		conn_close(r, TAILQ_FIRST(&r->memory.holders));
		feed(r);
	}
}
