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
#include "proto/listing.h"
#include "proto/telnet.h"
#include "proto/words.h"
#include "worker/client.h"
#include "worker/link.h"
#include "worker/queue.h"
#include "worker/worker.h"

/* Replies that are sent before the batch is complete. */
#define OUT_MAX 65536
/* Events that may wait for the end of a listing. */
#define HELD_MAX ((size_t)1 << 20)
/* A subscriber's registry is gone: between two looks for the next one. */
#define RESUME_MS 100
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
	struct queue queue;
	struct telnet telnet;
	struct buf words; /* of the line under way */
	size_t line_max; /* bytes */
	size_t seen; /* bytes of client.in known to hold no line's end */
	bool discarding; /* the rest of a line that is too long */
	bool greeted; /* the first line has come */
	bool over; /* no more lines */
	bool listing; /* is under way */
	struct buf held; /* events that wait for its end */
	bool lagged; /* events were lost: the client is to be told */
	int64_t
	    first_at_ms; /* when the first line has to have come, or NEVER */
	char *cell; /* for crash reports: the command under way, or "" */
};

static void
say_goodbye(struct worker *w, enum status status)
{
	format_status(&w->client.out, status);
	(void)client_flush(&w->client);
	w->over = true;
}

static bool
complain(const char *what)
{
	log_warnx("malformed %s from the registry", what);
	return false;
}

/* A subscription that is accepted is answered with nothing. */
static bool
take_reply(struct worker *w, const struct message *reply)
{
	struct bytes bucket, body = w->link.request.body;
	uint16_t type = w->link.request.type;
	uint8_t status = STATUS_END;

	if ((type == MESSAGE_SUBSCRIBE || type == MESSAGE_UNSUBSCRIBE) &&
	    message_get_name(&body, &bucket)) {
		body = reply->body;
		(void)message_get_u8(&body, &status);
		if (type == MESSAGE_UNSUBSCRIBE)
			events_remove(&w->link.events, bucket);
		else if (status == STATUS_OK) {
			events_add(&w->link.events, bucket);
			return true;
		}
	}
	return format_reply(&w->client.out, reply->body) || complain("reply");
}

/* While a listing is under way, its events wait in `held`. */
static bool
take_event(struct worker *w, const struct message *event)
{
	struct buf *out = w->listing ? &w->held : &w->client.out;

	switch (events_format(&w->link.events, event, out)) {
	case EVENTS_OK:
		break;
	case EVENTS_LAGGED:
		w->lagged = true;
		break;
	case EVENTS_MALFORMED:
		return complain("event");
	}
	w->lagged = w->lagged || buf_size(&w->held) > HELD_MAX;
	return true;
}

static bool
flush_some(struct worker *w)
{
	return buf_size(&w->client.out) <= OUT_MAX ||
	    client_flush(&w->client) == 0;
}

/* Takes all outstanding replies.  False: the client is gone. */
static bool
settle(struct worker *w)
{
	enum link_result result = LINK_NOTHING;
	struct message m;
	bool good = true;

	while (good && (result = link_next(&w->link, &m)) > LINK_NOTHING) {
		good = result == LINK_EVENT ? take_event(w, &m) :
					      take_reply(w, &m);
		good = good && flush_some(w);
	}
	while (good && result == LINK_FAILED && link_drop(&w->link) == 1)
		format_status(&w->client.out, STATUS_REGISTRY_UNAVAILABLE);
	if (good && w->lagged)
		say_goodbye(w, STATUS_LAGGED);
	return good;
}

/* Takes the events that have come. */
static bool
take_events(struct worker *w)
{
	enum link_result result;
	struct message m;
	bool good = true;

	if (!events_wanted(&w->link.events))
		return true;
	while (good && (result = link_event(&w->link, &m)) == LINK_EVENT)
		good = take_event(w, &m) && flush_some(w);
	if (good && w->lagged)
		say_goodbye(w, STATUS_LAGGED);
	return good;
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

static enum status
help(struct worker *w, const struct bytes *words, size_t n)
{
	struct bytes all = { "", 0 };

	if (n > 1 && !command_exists(words[1]))
		return STATUS_UNKNOWN_COMMAND;
	command_help(n > 1 ? words[1] : all, &w->client.out);
	return STATUS_OK;
}

/* The registry answers for all that is queued, if there is anything. */
static bool
commit(struct worker *w)
{
	if (!w->queue.open)
		return answer(w, STATUS_NO_TRANSACTION);
	if (w->queue.n == 0) {
		queue_close(&w->queue);
		return answer(w, STATUS_OK);
	}
	queue_send(&w->queue, w->link.sequence++, &w->link.pending);
	return !buf_failed(&w->link.pending);
}

static bool
run_local(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	enum status status = STATUS_OK;

	if (command->local == COMMAND_COMMIT)
		return commit(w);
	if (!settle(w))
		return false;
	switch (command->local) {
	case COMMAND_ECHO:
		format_line(&w->client.out, words + 1, n - 1);
		break;
	case COMMAND_HELP:
		status = help(w, words, n);
		break;
	case COMMAND_BEGIN:
		w->queue.open = true;
		break;
	case COMMAND_ABORT:
		if (!w->queue.open)
			status = STATUS_NO_TRANSACTION;
		queue_close(&w->queue);
		break;
	default: /* QUIT */
		w->over = true;
	}
	format_status(&w->client.out, status);
	return true;
}

/* In a transaction. */
static bool
run_queued(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	enum status status;

	switch (command->local) {
	case COMMAND_COMMIT:
	case COMMAND_ABORT:
	case COMMAND_QUIT:
		return run_local(w, command, words, n);
	case COMMAND_BEGIN:
		return answer(w, STATUS_IN_TRANSACTION);
	default:
		status = !command->queued ?
		    STATUS_CANNOT_BE_QUEUED :
		    queue_add(&w->queue, command, words, n,
			(size_t)w->config->max_value);
		return answer(w, status) && !buf_failed(&w->queue.requests);
	}
}

/* The next page, with the events that have come before it. */
static enum listing_result
run_page(struct worker *w, struct listing *listing)
{
	enum link_result result;
	struct message m;

	listing_put(listing, w->link.sequence++, &w->link.pending);
	if (buf_failed(&w->link.pending))
		return LISTING_MALFORMED;
	while ((result = link_next(&w->link, &m)) == LINK_EVENT)
		if (!take_event(w, &m))
			return LISTING_MALFORMED;
	if (result == LINK_REPLY)
		return listing_format(listing, m.body, &w->client.out);
	(void)link_drop(&w->link);
	format_status(&w->client.out, STATUS_REGISTRY_UNAVAILABLE);
	return LISTING_END;
}

static bool
run_listing(struct worker *w, enum list_kind kind, const struct bytes *words,
    size_t n)
{
	enum listing_result result = LISTING_MORE;
	struct listing listing;
	enum status status;

	status = listing_parse(&listing, kind, words, n);
	if (status != STATUS_OK)
		return answer(w, status);
	if (!settle(w))
		return false;
	w->listing = true;
	while (result == LISTING_MORE) {
		result = run_page(w, &listing);
		if (result == LISTING_MALFORMED)
			return complain("page");
		if (client_flush(&w->client) == -1)
			return false;
	}
	w->listing = false;
	buf_append(&w->client.out, buf_data(&w->held), buf_size(&w->held));
	buf_clear(&w->held);
	return true;
}

static bool
run_remote(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	enum status status;

	status = command_encode(command, words, n, (size_t)w->config->max_value,
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
	if (w->queue.open)
		return run_queued(w, command, words, n);
	switch (command->local) {
	case COMMAND_REMOTE:
		return run_remote(w, command, words, n);
	case COMMAND_BUCKETS:
		return run_listing(w, LIST_BUCKETS, words, n);
	case COMMAND_KEYS:
		return run_listing(w, LIST_KEYS, words, n);
	case COMMAND_ENTRIES:
		return run_listing(w, LIST_ENTRIES, words, n);
	default:
		return run_local(w, command, words, n);
	}
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

/* Executes all complete lines. */
static bool
run_lines(struct worker *w)
{
	struct buf *in = &w->client.in;
	size_t line_size, taken;
	bool good = true;

	while (good && !w->over && buf_size(in) > 0) {
		if (!words_find_line(buf_data(in), buf_size(in), w->seen,
			&line_size, &taken)) {
			w->seen = taken;
			/* One more may be the CR of a line's end. */
			if (w->discarding || taken > w->line_max + 1)
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
	return good;
}

/* Only the line that is being typed is left in `in`: editing stays in it. */
static bool
run_event(struct worker *w, enum telnet_event event)
{
	struct buf *in = &w->client.in;

	switch (event) {
	case TELNET_NOTHING:
		break;
	case TELNET_ERASE:
		telnet_erase(in);
		if (w->seen > buf_size(in))
			w->seen = buf_size(in);
		break;
	case TELNET_DROP:
		buf_truncate(in, 0);
		w->seen = 0;
		w->discarding = false;
		break;
	case TELNET_ANSWER:
		if (!settle(w))
			return false;
		if (!w->over)
			telnet_answer(&w->telnet, &w->client.out);
		break;
	}
	return true;
}

/* Executes what has come after the first `old` bytes and is not all text. */
static bool
run_telnet(struct worker *w, size_t old)
{
	struct buf *in = &w->client.in, copy;
	struct bytes raw;
	enum telnet_event event;
	bool good;

	buf_init(&copy);
	buf_append(&copy, buf_data(in) + old, buf_size(in) - old);
	buf_truncate(in, old);
	raw = (struct bytes){ buf_data(&copy), buf_size(&copy) };
	good = !buf_failed(&copy);
	while (good && !w->over && raw.size > 0) {
		event = telnet_filter(&w->telnet, &raw, in);
		good = !buf_failed(in) && run_lines(w) &&
		    (w->over || run_event(w, event));
	}
	buf_clear(&copy);
	return good;
}

/*
 * Executes all lines that are complete with what has come after the first
 * `old` bytes, and waits for their replies.
 */
static bool
run_input(struct worker *w, size_t old)
{
	struct buf *in = &w->client.in;
	bool good;

	if (telnet_is_text(&w->telnet, buf_data(in) + old, buf_size(in) - old))
		good = run_lines(w);
	else
		good = run_telnet(w, old);
	good = good && settle(w) && take_events(w) &&
	    client_flush(&w->client) == 0;
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
	buf_shrink(&w->queue.requests, KEEP_SIZE);
	buf_truncate(&w->words, 0);
	buf_shrink(&w->words, KEEP_SIZE);
}

static void
run_end(struct worker *w)
{
	if (buf_size(&w->client.in) > 0 && !w->discarding)
		say_goodbye(w, STATUS_UNTERMINATED_LINE);
	w->over = true;
}

/* How long the client may be silent. */
static int64_t
silence_deadline(const struct worker *w)
{
	int64_t deadline_ms = CLOCK_NEVER;

	if (events_wanted(&w->link.events))
		return w->link.fd == -1 ? clock_ms() + RESUME_MS : CLOCK_NEVER;
	if (w->config->idle_timeout_ms > 0)
		deadline_ms = clock_ms() + w->config->idle_timeout_ms;
	if (!w->greeted && w->first_at_ms < deadline_ms)
		deadline_ms = w->first_at_ms;
	return deadline_ms;
}

/* Waits for something to happen, and deals with all but input.  True: there
 * is input. */
static bool
await_input(struct worker *w)
{
	bool subscribed = events_wanted(&w->link.events);

	/* Its registry has died: there is another, or soon will be. */
	if (subscribed)
		(void)link_resume(&w->link);
	switch (client_wait(&w->client, subscribed ? w->link.fd : -1,
	    silence_deadline(w))) {
	case CLIENT_READABLE:
		return true;
	case CLIENT_NEWS:
		if (!take_events(w) || client_flush(&w->client) == -1)
			w->over = true;
		return false;
	case CLIENT_SILENT:
		if (!subscribed)
			say_goodbye(w, STATUS_IDLE_TIMEOUT);
		return false;
	case CLIENT_STOP:
		say_goodbye(w, STATUS_SHUTTING_DOWN);
		return false;
	case CLIENT_GONE:
		w->over = true;
		return false;
	}
	return false;
}

static void
serve_once(struct worker *w)
{
	size_t old = buf_size(&w->client.in);

	if (!await_input(w))
		return;
	switch (client_read(&w->client)) {
	case CLIENT_READ_DATA:
		if (!run_input(w, old))
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
	buf_clear(&w->queue.requests);
	buf_clear(&w->held);
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
