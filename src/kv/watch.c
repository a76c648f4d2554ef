/*
 * watch: a subscription that is renewed when its connection is lost.
 *
 * The server does not answer a SUBSCRIBE that it grants, so a PING follows:
 * its OK means that the subscription has begun.  Another PING is sent when
 * nothing has come for the time that an answer may take, to find out if the
 * server has gone without closing the connection.
 *
 * Behind the events of each commit comes its revision, and the next connection
 * asks for what has happened since the last one.  Of the commit that was
 * interrupted all events come again; those that were printed are skipped.
 */

#include <err.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/number.h"
#include "kv/json.h"
#include "kv/kv.h"
#include "kv/watch.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

enum watch_next {
	WATCH_ON, /* go on */
	WATCH_RETRY, /* go on with another connection */
	WATCH_OVER, /* exit with `status` */
};

struct watch {
	struct kv *kv;
	struct bytes bucket, prefix;
	bool on; /* there is a subscription */
	bool was_on; /* there is one, or there was one before */
	bool pinged; /* the answer to a PING is due */
	int64_t revision; /* of the last commit that came to its end; 0: now */
	bool at; /* that is what the server has said */
	uint64_t printed; /* events of the commit after that one */
	uint64_t skip; /* that many events were printed before */
	int retry_ms; /* the wait before the next connection */
	enum kv_status status;
};

/* Waits for the descriptor, and ends kv if nobody reads its output any more.
 * fd -1: only waits. */
static int
wait_for(int fd, int64_t deadline_ms)
{
	struct pollfd pfds[2] = { OUTPUT_POLL, { .fd = fd, .events = POLLIN } };
	int result = io_poll(pfds, 2, deadline_ms);

	if (result > 0 && pfds[0].revents != 0)
		output_gone();
	return result;
}

static void
say_missed(struct watch *w)
{
	struct output *out = &w->kv->out;

	if (w->kv->options.json)
		buf_append_text(&out->buf, "{\"event\":\"missed\"}\n");
	warnx("the server does not know all that has happened: "
	      "events may have been missed");
}

static void
print_json(struct buf *b, const struct reply_event *event)
{
	static const char *const names[] = { [REPLY_EVENT_SET] = "set",
		[REPLY_EVENT_DELETED] = "deleted",
		[REPLY_EVENT_DROPPED] = "dropped",
		[REPLY_EVENT_AT] = "at" };
	char number[NUMBER_SIZE];

	buf_append_text(b, "{\"event\":\"");
	buf_append_text(b, names[event->type]);
	buf_append_byte(b, '"');
	if (event->type == REPLY_EVENT_AT) {
		buf_append_text(b, ",\"revision\":");
		buf_append(b, number, number_format(event->revision, number));
	}
	if (event->type == REPLY_EVENT_SET ||
	    event->type == REPLY_EVENT_DELETED) {
		buf_append_text(b, ",\"key\":");
		json_string(b, event->key);
	}
	if (event->type == REPLY_EVENT_SET) {
		buf_append_text(b, ",\"value\":");
		json_string(b, event->value);
	}
	buf_append_text(b, "}\n");
}

static void
print_event(struct watch *w, const struct reply_event *event)
{
	struct output *out = &w->kv->out;
	const struct bytes *words;
	size_t n;

	if (w->kv->options.json)
		print_json(&out->buf, event);
	else if (reply_words(&w->kv->conn.in, &words, &n))
		output_line(out, words, n);
	output_added(out);
}

/* A commit has come to its end, or this is the first one. */
static void
take_revision(struct watch *w, const struct reply_event *event)
{
	/* A new connection begins with what the last one ended with. */
	if (event->revision == w->revision && w->at)
		return;
	w->at = true;
	w->revision = event->revision;
	w->printed = w->skip = 0;
	if (w->kv->options.since != NULL)
		print_event(w, event);
}

static enum watch_next
over(struct watch *w, enum kv_status status)
{
	w->status = status;
	return WATCH_OVER;
}

static enum watch_next
take_event(struct watch *w)
{
	struct reply_event event;

	if (!reply_is_event(&w->kv->conn.in, &event))
		kv_nonsense(w->kv);
	if (event.type == REPLY_EVENT_MISSED) {
		say_missed(w);
		w->printed = w->skip = 0;
	} else if (event.type == REPLY_EVENT_AT)
		take_revision(w, &event);
	else if (w->skip > 0)
		w->skip--;
	else {
		print_event(w, &event);
		w->printed++;
	}
	return event.type == REPLY_EVENT_DROPPED ? over(w, KV_NOT_FOUND) :
						   WATCH_ON;
}

/* Takes a status line: the answer to PING, or a refusal of SUBSCRIBE. */
static enum watch_next
take_status(struct watch *w, const struct reply_line *line)
{
	enum kv_status status = kv_status_of(line);

	if (kv_status_is_farewell(line) ||
	    (!w->on && status == KV_UNREACHABLE && w->was_on)) {
		warnx("%.*s", (int)line->text.size,
		    (const char *)line->text.data);
		return w->was_on ? WATCH_RETRY : over(w, KV_UNREACHABLE);
	}
	w->pinged = false;
	if (w->on)
		return WATCH_ON;
	if (line->status != REPLY_OK)
		return over(w, kv_finish(w->kv, line));
	if (w->was_on)
		warnx("subscribed again");
	if (w->was_on && w->revision == 0)
		say_missed(w);
	w->on = w->was_on = true;
	w->retry_ms = RETRY_MIN_MS;
	return WATCH_ON;
}

static enum watch_next
lost(struct watch *w)
{
	if (!w->was_on)
		kv_lost(w->kv);
	warnx("%s; connecting again", w->kv->conn.error);
	return WATCH_RETRY;
}

/* Takes all lines that have come. */
static enum watch_next
take_lines(struct watch *w)
{
	struct kv_conn *c = &w->kv->conn;
	enum watch_next next = WATCH_ON;
	enum kv_conn_result result = KV_CONN_DATA;
	struct reply_line line;

	while (next == WATCH_ON &&
	    (result = kv_conn_take(c, &line)) > KV_CONN_AGAIN)
		next = result == KV_CONN_DATA ? take_event(w) :
						take_status(w, &line);
	output_flush(&w->kv->out);
	return result == KV_CONN_LOST ? lost(w) : next;
}

static void
ping(struct watch *w)
{
	struct kv_request request = { .n = 0 };

	kv_add_text(&request, "PING");
	kv_conn_request(&w->kv->conn, request.words, request.n);
	w->pinged = true;
}

/* Waits until something comes, and receives it. */
static enum watch_next
receive(struct watch *w)
{
	struct kv_conn *c = &w->kv->conn;

	if (wait_for(c->fd, clock_ms() + c->timeout_ms) == IO_AGAIN) {
		if (w->pinged) {
			(void)kv_conn_timed_out(c);
			return lost(w);
		}
		ping(w);
		return kv_conn_flush(c) ? WATCH_ON : lost(w);
	}
	return kv_conn_receive_some(c) == KV_CONN_LOST ? lost(w) : WATCH_ON;
}

static enum watch_next
run_connection(struct watch *w)
{
	struct kv_conn *c = &w->kv->conn;
	struct kv_request request = { .n = 0 };
	char number[NUMBER_SIZE];
	struct bytes since = { .data = number };
	enum watch_next next;

	w->on = false;
	/* Without a revision it begins with what happens from now on. */
	if (w->revision == 0)
		w->printed = 0;
	w->skip = w->printed;
	kv_add_command(&request, "SUBSCRIBE", &w->bucket, 1);
	if (w->prefix.data != NULL) {
		kv_add_text(&request, "PREFIX");
		kv_add(&request, w->prefix);
	}
	kv_add_text(&request, "SINCE");
	since.size = number_format(w->revision, number);
	kv_add(&request, since);
	kv_conn_request(c, request.words, request.n);
	ping(w);
	next = kv_conn_flush(c) ? WATCH_ON : lost(w);
	while (next == WATCH_ON)
		if ((next = receive(w)) == WATCH_ON)
			next = take_lines(w);
	return next;
}

enum kv_status
watch_run(struct kv *kv, const struct bytes *args, size_t n)
{
	struct watch w = { .kv = kv,
		.bucket = args[0],
		.retry_ms = RETRY_MIN_MS };

	(void)n;
	if (kv->options.prefix != NULL)
		w.prefix = kv_word(kv, kv->options.prefix);
	if (kv->options.since != NULL)
		(void)number_parse(bytes_from_text(kv->options.since),
		    &w.revision);
	output_check();
	kv_connect(kv);
	for (;;) {
		if (kv->conn.fd != -1 && run_connection(&w) == WATCH_OVER)
			return w.status;
		kv_conn_close(&kv->conn);
		(void)wait_for(-1, clock_ms() + w.retry_ms);
		if (w.retry_ms < RETRY_MAX_MS)
			w.retry_ms *= 2;
		(void)kv_conn_open(&kv->conn, &kv->target);
	}
}
