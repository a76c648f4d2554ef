/*
 * session: executes each request exactly once.  Runs in the registry.  A worker
 * may lie about its session, and then harms that session only.
 */

#include <sys/socket.h>

#include <sysexits.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "registry/conn.h"
#include "registry/state.h"
#include "registry/session.h"
#include "registry/warning.h"
#include "store/store.h"

/* When a connection has to say HELLO; workers send it at once. */
#define SILENT_MS 1000
/* There are at most max-clients workers.  With so many connections more, the
 * oldest that have said nothing are disconnected.  The descriptors for these are
 * among those that master/limits.c sets aside. */
#define SILENT_MAX 8
/* A stranger is told so by the end of the stream.  It may be in the middle of a
 * message: what it still sends is thrown away for so long, or so much.  Until then
 * it costs a descriptor, and is the first to go when there are many. */
#define REFUSED_MS 60000
#define REFUSED_SIZE ((size_t)4 << 20)
#define DISCARD_SIZE 16384

/* How long a record waits for its worker, which repeats a request within one
 * registry timeout, or never. */
static int64_t
wait_ms(const struct registry *r)
{
	return 2 * r->config->registry_timeout_ms;
}

static struct conn **
session_conn(struct registry *r, uint64_t session)
{
	return &r->by_slot[scoreboard_session_slot(session)];
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
	return buf_size(&c->out) == 0 && !c->session.repeats;
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
		warning_store_failed(r);
	store_release(r->store);
}

void
session_await(struct registry *r, struct conn *c)
{
	struct conn *oldest;

	c->session.greet_by_ms = clock_ms() + SILENT_MS;
	TAILQ_INSERT_TAIL(&r->silent, c, silent_entry);
	if (r->conns <= (unsigned int)r->config->max_clients + SILENT_MAX)
		return;
	if (!TAILQ_EMPTY(&r->refused)) {
		conn_close(r, TAILQ_FIRST(&r->refused));
		return;
	}
	/* One that has sent something is greeted in the next turn. */
	TAILQ_FOREACH(oldest, &r->silent, silent_entry)
		if (!oldest->ready)
			break;
	if (oldest != c) {
		warning_close(r, "too many connections have said nothing");
		conn_close(r, oldest);
	}
}

static int64_t
deadline_of(const struct conn_list *list)
{
	const struct conn *oldest = TAILQ_FIRST(list);

	return oldest == NULL ? CLOCK_NEVER : oldest->session.greet_by_ms;
}

int64_t
session_deadline(const struct registry *r)
{
	int64_t silent_ms = deadline_of(&r->silent);
	int64_t refused_ms = deadline_of(&r->refused);

	return silent_ms < refused_ms ? silent_ms : refused_ms;
}

void
session_expire(struct registry *r, int64_t now_ms)
{
	while (deadline_of(&r->silent) <= now_ms) {
		warning_close(r, "it has said nothing");
		conn_close(r, TAILQ_FIRST(&r->silent));
	}
	while (deadline_of(&r->refused) <= now_ms)
		conn_close(r, TAILQ_FIRST(&r->refused));
}

void
session_refuse(struct registry *r, struct conn *c)
{
	struct conn_session *s = &c->session;

	TAILQ_REMOVE(&r->silent, c, silent_entry);
	TAILQ_INSERT_TAIL(&r->refused, c, silent_entry);
	s->refused = true;
	r->n_refused++;
	c->turn.broken = false;
	s->greet_by_ms = clock_ms() + REFUSED_MS;
	buf_clear(&c->in);
	buf_clear(&c->out);
	(void)shutdown(c->fd, SHUT_WR);
	conn_set_ready(r, c, false);
}

void
session_discard(struct registry *r, struct conn *c)
{
	char unread[DISCARD_SIZE];
	ssize_t n = io_recv(c->fd, unread, sizeof(unread), 0);

	if (n == IO_AGAIN)
		return;
	if (n > 0)
		c->session.discarded += (size_t)n;
	if (n <= 0 || c->session.discarded > REFUSED_SIZE)
		conn_close(r, c);
}

void
session_leave(struct registry *r, struct conn *c)
{
	struct conn **of_slot = session_conn(r, c->session.id);

	if (c->session.refused) {
		TAILQ_REMOVE(&r->refused, c, silent_entry);
		r->n_refused--;
		return;
	}
	if (!c->session.greeted) {
		TAILQ_REMOVE(&r->silent, c, silent_entry);
		return;
	}
	if (*of_slot == c)
		*of_slot = NULL;
	if (!c->session.recorded)
		return;
	wait_for_worker(r, c->session.id,
	    is_delivered(c) ? 0 : clock_ms() + wait_ms(r));
	set_recorded(r, c, false);
}

/* Is the peer the worker whose session this is? */
static bool
is_worker(const struct registry *r, const struct conn *c, uint64_t session)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    peer.uid == r->worker_uid &&
	    scoreboard_is_worker(r->scoreboard, session, peer.pid);
}

/*
 * An earlier connection of the slot may still be there, if its end was not seen
 * yet.  It gives up the record, which its end would delete, and ends.
 */
static void
replace_earlier(struct registry *r, struct conn *c)
{
	struct conn **of_slot = session_conn(r, c->session.id);

	if (*of_slot != NULL) {
		if ((*of_slot)->session.id == c->session.id)
			set_recorded(r, *of_slot, false);
		(void)shutdown((*of_slot)->fd, SHUT_RDWR);
	}
	*of_slot = c;
}

void
session_look(struct registry *r, struct conn *c)
{
	TAILQ_REMOVE(&r->silent, c, silent_entry);
	c->session.greeted = true;
}

bool
session_claim(struct registry *r, struct conn *c, uint64_t session)
{
	struct conn_session *s = &c->session;
	enum store_result result;
	struct store_view *view;
	struct bytes frames = { NULL, 0 };

	if (!is_worker(r, c, session))
		return false;
	TAILQ_REMOVE(&r->silent, c, silent_entry);
	s->id = session;
	s->greeted = true;
	outcome_claim(&r->orphaned, s->id);
	replace_earlier(r, c);
	warning_check_store(r, store_snapshot(r->store, &view));
	result = store_get_outcome(view, s->id, &frames);
	warning_check_store(r, result);
	if (result != STORE_OK)
		return true;
	set_recorded(r, c, true);
	s->repeats = outcome_check(frames, &s->outcome_last);
	if (!s->repeats)
		log_warnx("a session's outcomes are malformed; ignored");
	return true;
}

bool
session_answer(struct registry *r, const struct conn *c, uint64_t sequence,
    struct bytes *reply)
{
	struct store_view *view;
	struct bytes frames;

	if (!c->session.repeats || sequence > c->session.outcome_last)
		return false;
	/* Until the worker goes on to another request, the last commit has the
	 * record as it was when the worker connected. */
	if (store_snapshot(r->store, &view) != STORE_OK ||
	    store_get_outcome(view, c->session.id, &frames) != STORE_OK)
		fatalx(store_exit_status(r->store),
		    "a session's outcomes are gone: %s", store_error(r->store));
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

/* No worker comes back for the record of one that has died. */
static void
expire_dead(struct registry *r)
{
	struct outcome *o;

	TAILQ_FOREACH(o, &r->orphaned, entry)
		if (!scoreboard_has_session(r->scoreboard, o->session))
			o->expire_ms = 0;
}

enum store_result
session_record(struct registry *r, struct store_view *view)
{
	enum store_result result = STORE_OK;
	struct outcome *o = NULL;
	struct conn *c;

	expire_dead(r);
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
		c->session.repeats = false;
}
