/*
 * probe: the first question.  Runs in kvbench; the server may be anything.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "common/io.h"
#include "kvbench/conn.h"
#include "kvbench/probe.h"
#include "kvbench/tally.h"

/* Waits for one reply; the connection's result, or CONN_BLOCKED: too late. */
static enum conn_result
await(struct conn *c, int64_t deadline_ms, enum outcome *outcome)
{
	struct pollfd pfd = { .fd = c->fd };
	enum conn_result result;

	for (;;) {
		result = conn_flush(c);
		if (result != CONN_OK && result != CONN_BLOCKED)
			return result;
		*outcome = parser_next(&c->parser, conn_peek(c));
		if (*outcome != OUTCOME_AGAIN)
			return CONN_OK;
		pfd.events = result == CONN_BLOCKED ? POLLIN | POLLOUT : POLLIN;
		if (io_poll(&pfd, 1, deadline_ms) < 0)
			return CONN_BLOCKED;
		result = conn_receive(c);
		if (result != CONN_OK && result != CONN_BLOCKED)
			return result;
	}
}

/* Do the keys need a bucket?  It is made if it is not there. */
static enum op
first_op(const struct workload *w)
{
	bool has_keys = mix_has(&w->mix, OP_GET) || mix_has(&w->mix, OP_PUT) ||
	    mix_has(&w->mix, OP_DELETE);

	return has_keys && w->protocol->ops & 1u << OP_CREATE ? OP_CREATE :
								OP_PING;
}

static int
judge(struct conn *c, enum outcome outcome, const char *protocol, char *error,
    size_t size)
{
	char said[TALLY_ERROR_SIZE];

	if (outcome == OUTCOME_OK)
		return EX_OK;
	tally_print(said, c->parser.line.text);
	if (outcome == OUTCOME_ERROR) {
		snprintf(error, size, "it says: %s", said);
		return EX_UNAVAILABLE;
	}
	snprintf(error, size, "this server does not speak %s; it says: %s",
	    protocol, said);
	return EX_PROTOCOL;
}

static int
ask(struct conn *c, const struct workload *w, int timeout_ms, char *error,
    size_t size)
{
	struct request request = { .op = first_op(w) };
	enum outcome outcome = OUTCOME_AGAIN;

	conn_push(c, &request);
	switch (await(c, clock_ms() + timeout_ms, &outcome)) {
	case CONN_OK:
		return judge(c, outcome, w->protocol->name, error, size);
	case CONN_BLOCKED:
		snprintf(error, size, "no reply to a first request");
		break;
	case CONN_ENDED:
		snprintf(error, size,
		    "the server closed the connection instead of a reply");
		break;
	case CONN_FAILED:
		snprintf(error, size, "%s", strerror(errno));
		break;
	}
	return EX_UNAVAILABLE;
}

int
probe_run(const struct workload *w, const struct target *target, int timeout_ms,
    char *error, size_t error_size)
{
	struct conn c;
	int status = EX_UNAVAILABLE;

	if (conn_init(&c, w, 1) == -1)
		snprintf(error, error_size, "out of memory");
	else if (conn_open(&c, target, timeout_ms) == -1)
		snprintf(error, error_size, "cannot connect: %s",
		    strerror(errno));
	else
		status = ask(&c, w, timeout_ms, error, error_size);
	conn_clear(&c);
	return status;
}
