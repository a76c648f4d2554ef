/*
 * worker: from a client's lines to replies.  Forked by the acceptor, one per
 * client; trusts the registry, not the client.
 *
 * All the requests that one read brings are sent to the registry together,
 * and their replies to the client together.
 */

#include <stdbool.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/roster.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/words.h"
#include "worker/client.h"
#include "worker/link.h"
#include "worker/worker.h"

/* Replies that are sent before the batch is complete. */
#define OUT_MAX 65536
/* An idle worker keeps no buffer larger than this: one read's. */
#define KEEP_SIZE 16384
/* A line's words other than its value, all escaped, and blanks. */
#define LINE_OVERHEAD 4096
#define ESCAPE_SIZE 4 /* \xHH */
/* Of a line that is skipped, this much is looked at. */
#define LINE_TAIL 16

struct worker {
	const struct config *config;
	struct client client;
	struct link link;
	struct buf words; /* of the line under way */
	size_t line_max; /* bytes */
	size_t seen; /* bytes of client.in known to hold no line's end */
	bool discarding; /* the rest of a line that is too long */
	bool greeted; /* the first line has come */
	bool over; /* no more lines */
	int64_t
	    first_at_ms; /* when the first line has to have come, or NEVER */
	char *cell; /* for crash reports: the command under way, or "" */
};

/* Takes all outstanding replies.  False: the client is gone. */
static bool
settle(struct worker *w)
{
	struct message reply;
	int rc;

	while ((rc = link_next(&w->link, &reply)) == 1) {
		if (!format_reply(&w->client.out, reply.body)) {
			log_warnx("malformed reply from the registry");
			return false;
		}
		if (buf_size(&w->client.out) > OUT_MAX &&
		    client_flush(&w->client) == -1)
			return false;
	}
	while (rc == -1 && link_drop(&w->link) == 1)
		format_status(&w->client.out, STATUS_REGISTRY_UNAVAILABLE);
	return true;
}

/* Answers by itself, after all that was asked before. */
static bool
answer(struct worker *w, enum status status)
{
	if (!settle(w))
		return false;
	format_status(&w->client.out, status);
	return true;
}

static bool
run_local(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	if (!settle(w))
		return false;
	if (command->local == COMMAND_ECHO)
		format_line(&w->client.out, words + 1, n - 1);
	else
		w->over = true; /* QUIT */
	format_status(&w->client.out, STATUS_OK);
	return true;
}

static bool
run_remote(struct worker *w, const struct command *command,
    const struct bytes *words)
{
	enum status status;

	status = command_encode(command, words, (size_t)w->config->max_value,
	    w->link.sequence, &w->link.pending);
	if (status != STATUS_OK)
		return answer(w, status);
	w->link.sequence++;
	/* Half a request must not be sent: this worker has no memory. */
	return !buf_failed(&w->link.pending);
}

/* A browser, or a program that a browser was made to send: RFC 9112, 3. */
static bool
is_http(const uint8_t *line, size_t size)
{
	static const char version[] = " HTTP/1.";
	const size_t n = sizeof(version) - 1;

	return size > n && memcmp(line + size - n - 1, version, n) == 0;
}

static bool
refuse_http(struct worker *w)
{
	static const char reply[] = "HTTP/1.1 400 Bad Request\r\n"
				    "Connection: close\r\n"
				    "Content-Length: 0\r\n\r\n";

	buf_append_text(&w->client.out, reply);
	w->over = true;
	return true;
}

static const enum status split_errors[] = {
	[WORDS_UNBALANCED] = STATUS_UNBALANCED_QUOTES,
	[WORDS_BAD_ESCAPE] = STATUS_BAD_ESCAPE,
	[WORDS_TOO_MANY] = STATUS_TOO_MANY_WORDS,
};

/* Executes a line.  False: this client is not to be served any more. */
static bool
run_line(struct worker *w, uint8_t *line, size_t size)
{
	const struct command *command;
	enum words_result result;
	const struct bytes *words;
	size_t n;

	if (!w->greeted && is_http(line, size))
		return refuse_http(w);
	if (size > w->line_max) {
		w->greeted = true;
		return answer(w, STATUS_LINE_TOO_LONG);
	}
	result = words_split(line, size, &w->words);
	if (buf_failed(&w->words))
		return false;
	words = words_get(&w->words);
	n = words_count(&w->words);
	if (result == WORDS_OK && n == 0)
		return true;
	w->greeted = true;
	if (result != WORDS_OK)
		return answer(w, split_errors[result]);
	if ((command = command_find(words, n)) == NULL)
		return answer(w, STATUS_UNKNOWN_COMMAND);
	(void)strlcpy(w->cell, command->name, ROSTER_CELL_SIZE);
	if (command->local != COMMAND_REMOTE)
		return run_local(w, command, words, n);
	return run_remote(w, command, words);
}

/*
 * The line that has begun is longer than any may be: skip it, but for a tail
 * in which its end, and what ends an HTTP request, can be seen.
 */
static bool
discard_line(struct worker *w)
{
	struct buf *in = &w->client.in;
	bool begun = !w->discarding;

	if (buf_size(in) > LINE_TAIL)
		buf_consume(in, buf_size(in) - LINE_TAIL);
	w->seen = buf_size(in);
	w->discarding = true;
	return !begun || answer(w, STATUS_LINE_TOO_LONG);
}

/* Its end has come. */
static bool
end_discarding(struct worker *w, const uint8_t *tail, size_t size)
{
	w->discarding = false;
	if (!w->greeted && is_http(tail, size))
		return refuse_http(w);
	w->greeted = true;
	return true;
}

/* Executes all complete lines, and waits for their replies. */
static bool
run_input(struct worker *w)
{
	struct buf *in = &w->client.in;
	size_t line_size, taken;
	bool good = true;

	while (good && !w->over && buf_size(in) > 0) {
		if (!words_find_line(buf_data(in), buf_size(in), w->seen,
			&line_size, &taken)) {
			w->seen = taken;
			if (w->discarding || taken > w->line_max)
				good = discard_line(w);
			break;
		}
		if (w->discarding)
			good = end_discarding(w, buf_data(in), line_size);
		else
			good = run_line(w, buf_data(in), line_size);
		w->seen = 0;
		buf_consume(in, taken);
	}
	good = good && settle(w) && client_flush(&w->client) == 0;
	w->cell[0] = '\0';
	return good;
}

static void
shrink(struct worker *w)
{
	buf_shrink(&w->client.in, KEEP_SIZE);
	buf_shrink(&w->client.out, KEEP_SIZE);
	buf_shrink(&w->link.pending, KEEP_SIZE);
	buf_shrink(&w->link.in, KEEP_SIZE);
	buf_truncate(&w->words, 0);
	buf_shrink(&w->words, KEEP_SIZE);
}

static void
say_goodbye(struct worker *w, enum status status)
{
	format_status(&w->client.out, status);
	(void)client_flush(&w->client);
	w->over = true;
}

static void
run_end(struct worker *w)
{
	if (buf_size(&w->client.in) > 0 && !w->discarding)
		say_goodbye(w, STATUS_UNTERMINATED_LINE);
	w->over = true;
}

/* Waits for the client to say something, and does it. */
static void
serve_once(struct worker *w)
{
	int64_t deadline_ms = CLOCK_NEVER;

	if (w->config->idle_timeout_ms > 0)
		deadline_ms = clock_ms() + w->config->idle_timeout_ms;
	if (!w->greeted && w->first_at_ms < deadline_ms)
		deadline_ms = w->first_at_ms;
	switch (client_wait(&w->client, deadline_ms)) {
	case CLIENT_READABLE:
		break;
	case CLIENT_SILENT:
		say_goodbye(w, STATUS_IDLE_TIMEOUT);
		return;
	case CLIENT_STOP:
		say_goodbye(w, STATUS_SHUTTING_DOWN);
		return;
	case CLIENT_GONE:
		w->over = true;
		return;
	}
	switch (client_read(&w->client)) {
	case CLIENT_READ_DATA:
		if (!run_input(w))
			w->over = true;
		break;
	case CLIENT_READ_END:
		run_end(w);
		break;
	case CLIENT_READ_GONE:
		w->over = true;
		break;
	}
	shrink(w);
}

static void
worker_clear(struct worker *w)
{
	buf_clear(&w->client.in);
	buf_clear(&w->client.out);
	buf_clear(&w->words);
}

void
worker_run(const struct config *config, int fd, int signal_fd, int lifeline_fd,
    char *cell)
{
	struct worker w = { .config = config, .cell = cell };

	w.client.fd = fd;
	w.client.signal_fd = signal_fd;
	w.client.lifeline_fd = lifeline_fd;
	w.client.write_timeout_ms = config->write_timeout_ms;
	w.client.stop_at_ms = CLOCK_NEVER;
	w.client.shutdown_timeout_ms = config->shutdown_timeout_ms;
	w.first_at_ms = config->first_command_timeout_ms == 0 ?
	    CLOCK_NEVER :
	    clock_ms() + config->first_command_timeout_ms;
	w.line_max = LINE_OVERHEAD + ESCAPE_SIZE * (size_t)config->max_value;
	if (link_init(&w.link, lifeline_fd, (int)config->registry_timeout_ms) ==
	    -1)
		fatal(EX_OSERR, "session");
	while (!w.over)
		serve_once(&w);
	/* First, for the registry not to wait for a client that lingers. */
	link_clear(&w.link);
	client_close(&w.client);
#ifndef KVD_INSTRUMENTED
	/* Freeing, and exit(3), would only touch pages and so copy them. */
	_exit(EX_OK);
#endif
	worker_clear(&w);
}
