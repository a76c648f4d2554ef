/*
 * probe: the first request.  Runs in kvbench.  The server may be anything.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "common/io.h"
#include "kvbench/bench_conn.h"
#include "kvbench/probe.h"
#include "kvbench/tally.h"

/* Waits for one reply.  Returns the result of the connection;
 * BENCH_CONN_BLOCKED: the reply did not come in time. */
static enum bench_conn_result
await(struct bench_conn *c, int64_t deadline_ms, enum verdict *verdict)
{
	struct pollfd pfd = { .fd = c->fd };
	enum bench_conn_result result;

	for (;;) {
		result = bench_conn_flush(c);
		if (result != BENCH_CONN_OK && result != BENCH_CONN_BLOCKED)
			return result;
		*verdict = parser_next(&c->parser, bench_conn_peek(c));
		if (*verdict != VERDICT_AGAIN)
			return BENCH_CONN_OK;
		pfd.events =
		    result == BENCH_CONN_BLOCKED ? POLLIN | POLLOUT : POLLIN;
		if (io_poll(&pfd, 1, deadline_ms) < 0)
			return BENCH_CONN_BLOCKED;
		result = bench_conn_receive(c);
		if (result != BENCH_CONN_OK && result != BENCH_CONN_BLOCKED)
			return result;
	}
}

/* The request that creates the bucket, if the mix needs one; else a PING. */
static enum op
first_op(const struct workload *w)
{
	bool has_keys = mix_has(&w->mix, OP_GET) || mix_has(&w->mix, OP_PUT) ||
	    mix_has(&w->mix, OP_DELETE);

	return has_keys && w->protocol->ops & 1u << OP_CREATE ? OP_CREATE :
								OP_PING;
}

static int
judge(struct bench_conn *c, enum verdict verdict, const char *protocol,
    char *error, size_t size)
{
	char said[TALLY_ERROR_SIZE];

	if (verdict == VERDICT_OK)
		return EX_OK;
	tally_print(said, c->parser.line.text);
	if (verdict == VERDICT_ERROR) {
		snprintf(error, size, "the server says: %s", said);
		return EX_UNAVAILABLE;
	}
	snprintf(error, size, "this server does not speak %s; it says: %s",
	    protocol, said);
	return EX_PROTOCOL;
}

static int
ask(struct bench_conn *c, const struct workload *w, int timeout_ms, char *error,
    size_t size)
{
	struct request request = { .op = first_op(w) };
	enum verdict verdict = VERDICT_AGAIN;

	bench_conn_push(c, &request);
	switch (await(c, clock_ms() + timeout_ms, &verdict)) {
	case BENCH_CONN_OK:
		return judge(c, verdict, w->protocol->name, error, size);
	case BENCH_CONN_BLOCKED:
		snprintf(error, size, "no reply to the first request");
		break;
	case BENCH_CONN_ENDED:
		snprintf(error, size,
		    "the server closed the connection without a reply");
		break;
	case BENCH_CONN_FAILED:
		snprintf(error, size, "%s", strerror(errno));
		break;
	}
	return EX_UNAVAILABLE;
}

int
probe_run(const struct workload *w, const struct server *server, int timeout_ms,
    char *error, size_t error_size)
{
	struct bench_conn c;
	int status = EX_UNAVAILABLE;

	if (bench_conn_init(&c, w, 1) == -1)
		snprintf(error, error_size, "out of memory");
	else if (bench_conn_open(&c, server, timeout_ms) == -1)
		snprintf(error, error_size, "cannot connect: %s",
		    strerror(errno));
	else
		status = ask(&c, w, timeout_ms, error, error_size);
	bench_conn_clear(&c);
	return status;
}
