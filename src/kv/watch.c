/*
 * watch: a subscription that is renewed when its connection is lost.
 *
 * The server does not answer a SUBSCRIBE that it grants, so a PING follows:
 * its OK means that the subscription has begun.  Another PING is sent when
 * nothing has come for the time that an answer may take, to find out if the
 * server has gone without closing the connection.
 */

#include <err.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
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
	struct bytes bucket;
	bool on; /* there is a subscription */
	bool was_on; /* there is one, or there was one before */
	bool pinged; /* the answer to a PING is due */
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
say_missed(struct watch *w, const char *why)
{
	struct output *out = &w->kv->out;

	if (w->kv->options.json)
		buf_append_text(&out->buf, "{\"event\":\"missed\"}\n");
	warnx("%s: events may have been missed", why);
}

static void
print_json(struct buf *b, const struct reply_event *event)
{
	buf_append_text(b, "{\"event\":\"");
	if (event->type == REPLY_EVENT_DROPPED) {
		buf_append_text(b, "dropped\"}\n");
		return;
	}
	buf_append_text(b, event->type == REPLY_EVENT_SET ? "set" : "deleted");
	buf_append_text(b, "\",\"key\":");
	json_string(b, event->key);
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
		say_missed(w, "the server was restarted");
		return WATCH_ON;
	}
	print_event(w, &event);
	if (event.type != REPLY_EVENT_DROPPED)
		return WATCH_ON;
	return over(w, KV_NOT_FOUND);
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
		say_missed(w, "subscribed again");
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
	enum watch_next next;

	w->on = false;
	kv_add_text(&request, "SUBSCRIBE");
	kv_add(&request, w->bucket);
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
