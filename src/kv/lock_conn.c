/*
 * lock_conn: what kv lock asks the server.
 */

#include <err.h>
#include <poll.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/lock_conn.h"

/* For one connection: signals wait that long at most. */
#define CONNECT_MS 2000
/* How long kv waits for an answer when it was told to end. */
#define HURRY_MS 1000

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The deadline of an answer to what is sent now. */
static int64_t
answer_by(const struct lock_conn *c)
{
	return sooner(clock_ms() + c->kv->options.timeout_ms, c->limit_ms);
}

bool
lock_conn_open(struct lock_conn *c, int64_t limit_ms)
{
	struct kv_conn *conn = &c->kv->conn;
	int timeout_ms = conn->timeout_ms;
	bool done;

	limit_ms = sooner(limit_ms, sooner(CONNECT_MS, timeout_ms));
	conn->timeout_ms = limit_ms < 1 ? 1 : (int)limit_ms;
	done = kv_conn_open(conn, &c->kv->target);
	conn->timeout_ms = timeout_ms;
	return done;
}

static enum lock_turn
gone(struct lock_conn *c)
{
	warnx("%s%s", c->kv->conn.error, c->again ? "; connecting again" : "");
	c->on = false;
	kv_conn_close(&c->kv->conn);
	return LOCK_GONE;
}

enum lock_turn
lock_conn_fail(struct lock_conn *c, const char *why)
{
	(void)kv_conn_give_up(&c->kv->conn, why);
	return gone(c);
}

static enum lock_turn
take_event(struct lock_conn *c)
{
	struct reply_event event;

	if (!reply_is_event(&c->kv->conn.in, &event))
		return lock_conn_fail(c, "what the server says makes no sense");
	switch (event.type) {
	case REPLY_EVENT_SET:
		if (c->holds && bytes_equal(event.key, c->key) &&
		    !bytes_are(event.value, c->token))
			c->changed = true;
		break;
	case REPLY_EVENT_DELETED:
		if (bytes_equal(event.key, c->key))
			c->changed = true;
		break;
	case REPLY_EVENT_MISSED:
		c->changed = true;
		break;
	case REPLY_EVENT_DROPPED: /* and the subscription with it */
		return lock_conn_fail(c, "the bucket was dropped");
	case REPLY_EVENT_AT:
		break;
	}
	return LOCK_EVENT;
}

/* A status after which the connection is of no use is the end of it. */
static enum lock_turn
take_status(struct lock_conn *c, const struct reply_line *line)
{
	char text[128];

	if (kv_status_of(line) != KV_UNREACHABLE)
		return LOCK_STATUS;
	snprintf(text, sizeof(text), "%.*s", (int)line->text.size,
	    (const char *)line->text.data);
	return lock_conn_fail(c, text);
}

/* Waits until something happens. */
enum lock_turn
lock_conn_turn(struct lock_conn *c, int64_t deadline_ms,
    struct reply_line *line)
{
	struct kv_conn *conn = &c->kv->conn;
	struct pollfd pfds[2] = { { .fd = conn->fd, .events = POLLIN },
		{ .fd = c->job->signal_fd, .events = POLLIN } };

	for (;;) {
		switch (
		    conn->fd == -1 ? KV_CONN_AGAIN : kv_conn_take(conn, line)) {
		case KV_CONN_DATA:
			return take_event(c);
		case KV_CONN_STATUS:
			return take_status(c, line);
		case KV_CONN_LOST:
			return gone(c);
		case KV_CONN_AGAIN:
			break;
		}
		switch (io_poll(pfds, 2, deadline_ms)) {
		case IO_AGAIN:
			return LOCK_TIME;
		case IO_FAILED:
			err(KV_FAILED, "poll");
		default:
			break;
		}
		if (pfds[1].revents != 0) {
			job_take_signals(c->job);
			return LOCK_JOB;
		}
		if (kv_conn_receive_some(conn) == KV_CONN_LOST)
			return gone(c);
	}
}

/* Waits for a status line.  Returns false if the connection is closed now. */
static bool
next_status(struct lock_conn *c, int64_t deadline_ms, struct reply_line *line)
{
	for (;;) {
		/* Who told kv to end does not want to wait. */
		if (c->job->signo != 0)
			deadline_ms =
			    sooner(deadline_ms, clock_ms() + HURRY_MS);
		switch (lock_conn_turn(c, deadline_ms, line)) {
		case LOCK_STATUS:
			return true;
		case LOCK_EVENT:
		case LOCK_JOB:
			break;
		case LOCK_TIME:
			(void)lock_conn_fail(c, "no answer in time");
			return false;
		case LOCK_GONE:
			return false;
		}
	}
}

static void
request(struct lock_conn *c, const char *word, const char *first,
    const char *second, const char *third)
{
	struct kv_request r = { .n = 0 };

	kv_add_text(&r, word);
	kv_add(&r, c->bucket);
	kv_add(&r, c->key);
	if (first != NULL)
		kv_add_text(&r, first);
	if (second != NULL)
		kv_add_text(&r, second);
	if (third != NULL)
		kv_add_text(&r, third);
	kv_conn_request(&c->kv->conn, r.words, r.n);
}

static void
request_alone(struct lock_conn *c, const char *word)
{
	struct bytes text = bytes_from_text(word);

	kv_conn_request(&c->kv->conn, &text, 1);
}

static enum lock_outcome
outcome_of(struct lock_conn *c, const struct reply_line *line)
{
	switch (line->status) {
	case REPLY_OK:
	case REPLY_QUEUED:
		c->complained = false;
		return LOCK_OK;
	case REPLY_CONFLICT:
		return LOCK_CONFLICT;
	case REPLY_NOT_FOUND:
		return LOCK_MISSING;
	case REPLY_UNKNOWN_COMMAND:
	case REPLY_ERROR:
		break;
	}
	if (!c->complained)
		(void)kv_finish(c->kv, line);
	c->complained = true;
	return LOCK_REFUSED;
}

/*
 * Sends the requests, and waits for their answers.  The one that counts comes
 * after `before` others, and before `after` others if it is OK.
 */
static enum lock_outcome
ask(struct lock_conn *c, int before, int after)
{
	int64_t deadline_ms = answer_by(c);
	enum lock_outcome outcome;
	struct reply_line line;

	if (!kv_conn_flush(&c->kv->conn)) {
		(void)gone(c);
		return LOCK_UNKNOWN;
	}
	for (; before > 0; before--)
		if (!next_status(c, deadline_ms, &line))
			return LOCK_UNKNOWN;
	if (!next_status(c, deadline_ms, &line))
		return LOCK_UNKNOWN;
	outcome = outcome_of(c, &line);
	for (; after > 0 && outcome == LOCK_OK; after--)
		if (!next_status(c, deadline_ms, &line))
			return LOCK_UNKNOWN;
	return outcome;
}

/* The server does not answer a SUBSCRIBE that it grants: see watch.c. */
enum lock_outcome
lock_conn_subscribe(struct lock_conn *c)
{
	struct kv_request r = { .n = 0 };
	enum lock_outcome outcome;
	struct reply_line line;

	kv_add_command(&r, "SUBSCRIBE", &c->bucket, 1);
	kv_add_text(&r, "PREFIX");
	kv_add(&r, c->key);
	kv_conn_request(&c->kv->conn, r.words, r.n);
	request_alone(c, "PING");
	outcome = ask(c, 0, 0);
	if (outcome == LOCK_OK)
		c->on = true;
	else if (outcome != LOCK_UNKNOWN &&
	    !next_status(c, answer_by(c), &line))
		outcome = LOCK_UNKNOWN;
	return outcome;
}

enum lock_outcome
lock_conn_create(struct lock_conn *c)
{
	struct kv_request r = { .n = 0 };

	kv_add_command(&r, "CREATE", &c->bucket, 1);
	kv_conn_request(&c->kv->conn, r.words, r.n);
	return ask(c, 0, 0);
}

enum lock_outcome
lock_conn_ping(struct lock_conn *c)
{
	request_alone(c, "PING");
	return ask(c, 0, 0);
}

enum lock_outcome
lock_conn_add(struct lock_conn *c)
{
	request(c, "ADD", c->token, "EX", c->time);
	return ask(c, 0, 0);
}

enum lock_outcome
lock_conn_renew(struct lock_conn *c)
{
	request_alone(c, "BEGIN");
	request(c, "CAS", c->token, c->token, NULL);
	request(c, "EXPIRE", c->time, NULL, NULL);
	request_alone(c, "COMMIT");
	return ask(c, 3, 2);
}

enum lock_outcome
lock_conn_delete(struct lock_conn *c)
{
	request(c, "DELETE", "IF", c->token, NULL);
	return ask(c, 0, 0);
}
