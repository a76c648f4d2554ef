/*
 * session: executes each request exactly once.  Runs in the registry.  A worker
 * may lie about its session, and then harms that session only.
 */

#include <sysexits.h>

#include "common/clock.h"
#include "common/log.h"
#include "registry/conn.h"
#include "registry/state.h"
#include "registry/session.h"
#include "store/store.h"

/* How long a record waits for its worker, which repeats a request within one
 * registry timeout, or never. */
static int64_t
wait_ms(const struct registry *r)
{
	return 2 * r->config->registry_timeout_ms;
}

static void
set_recorded(struct registry *r, struct conn *c, bool recorded)
{
	if (c->session.recorded == recorded)
		return;
	c->session.recorded = recorded;
	if (recorded)
		TAILQ_INSERT_TAIL(&r->recorded, c, recorded_entry);
	else
		TAILQ_REMOVE(&r->recorded, c, recorded_entry);
}

/* Has the worker got all replies that are on record?  What send(2) took counts:
 * the kernel delivers it even if this process dies. */
static bool
is_delivered(const struct conn *c)
{
	return buf_size(&c->out) == 0 && buf_size(&c->session.outcome) == 0;
}

/* Exits without memory: the record would stay for ever. */
static void
wait_for_worker(struct registry *r, uint64_t session, int64_t expire_ms)
{
	if (outcome_leave(&r->orphaned, session, expire_ms) == -1)
		fatal(EX_OSERR, "outcomes");
}

void
session_list(struct registry *r)
{
	int64_t expire_ms = clock_ms() + wait_ms(r);
	enum store_result result;
	struct store_view *view;
	uint64_t session = 0;

	result = store_snapshot(r->store, &view);
	while (result == STORE_OK &&
	    (result = store_next_outcome(view, &session)) == STORE_OK)
		wait_for_worker(r, session, expire_ms);
	if (result != STORE_ABSENT)
		fatalx(EX_IOERR, "%s", store_error(r->store));
	store_release(r->store);
}

void
session_leave(struct registry *r, struct conn *c)
{
	if (!c->session.recorded)
		return;
	wait_for_worker(r, c->session.id,
	    is_delivered(c) ? 0 : clock_ms() + wait_ms(r));
	set_recorded(r, c, false);
}

/*
 * An earlier connection of the session may still be there, if its end was not
 * seen yet.  It gives up the record, which its end would delete.
 */
static void
take_from_earlier(struct registry *r, uint64_t session)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->recorded, recorded_entry, next)
		if (c->session.id == session)
			set_recorded(r, c, false);
}

void
session_claim(struct registry *r, struct conn *c)
{
	struct conn_session *s = &c->session;
	enum store_result result;
	struct store_view *view;
	struct bytes frames = { NULL, 0 };

	outcome_claim(&r->orphaned, s->id);
	take_from_earlier(r, s->id);
	warning_check_store(r, store_snapshot(r->store, &view));
	result = store_get_outcome(view, s->id, &frames);
	warning_check_store(r, result);
	if (result != STORE_OK)
		return;
	set_recorded(r, c, true);
	if (!outcome_check(frames, &s->outcome_last)) {
		log_warnx("a session's outcomes are malformed; ignored");
		return;
	}
	buf_append(&s->outcome, frames.data, frames.size);
	if (buf_failed(&s->outcome))
		fatalx(EX_OSERR, "out of memory");
}

bool
session_answer(const struct conn *c, uint64_t sequence, struct bytes *reply)
{
	struct bytes frames = buf_bytes(&c->session.outcome);

	return outcome_find(frames, sequence, reply);
}

void
session_writes(struct registry *r, struct conn *c)
{
	c->turn.wrote = true;
	set_recorded(r, c, true);
}

static enum store_result
record_conn(struct conn *c, struct store_view *view)
{
	if (c->turn.wrote)
		return store_put_outcome(view, c->session.id,
		    buf_bytes(&c->out));
	if (!is_delivered(c))
		return STORE_OK;
	c->session.deleting = true;
	return store_delete_outcome(view, c->session.id);
}

enum store_result
session_record(struct registry *r, struct store_view *view)
{
	enum store_result result = STORE_OK;
	struct outcome *o = NULL;
	struct conn *c;

	TAILQ_FOREACH(c, &r->recorded, recorded_entry)
		if ((result = record_conn(c, view)) != STORE_OK)
			return result;
	while (result == STORE_OK &&
	    (o = outcome_expired(&r->orphaned, o, r->now_ms)) != NULL)
		result = store_delete_outcome(view, o->session);
	return result;
}

void
session_committed(struct registry *r)
{
	struct outcome *o;
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &r->recorded, recorded_entry, next)
		if (c->session.deleting) {
			c->session.deleting = false;
			set_recorded(r, c, false);
		}
	while ((o = outcome_expired(&r->orphaned, NULL, r->now_ms)) != NULL)
		outcome_free(&r->orphaned, o);
}

void
session_rewind(struct registry *r)
{
	struct conn *c;

	TAILQ_FOREACH(c, &r->recorded, recorded_entry)
		c->session.deleting = false;
}

void
session_finish(struct conn *c)
{
	/* Sequences only grow, so nothing of the record is asked for again. */
	if (c->turn.last_sequence >= c->session.outcome_last)
		buf_clear(&c->session.outcome);
}
