/*
 * prompt: a person and a server.
 *
 * The connection is closed when something goes wrong, and opened again for
 * the next request.  Replies are waited for; events, and what else comes
 * unasked, are printed while the person thinks.
 */

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/kv.h"
#include "kv/prompt.h"
#include "proto/words.h"

struct prompt {
	struct kv *kv;
	struct buf words;
};

void
prompt_show(struct prompt *p)
{
	buf_append_text(&p->kv->out.buf, PROMPT_TEXT);
	output_flush(&p->kv->out);
}

static void
print_line(struct prompt *p, const struct reply_line *line)
{
	buf_append(&p->kv->out.buf, line->text.data, line->text.size);
	buf_append_byte(&p->kv->out.buf, '\n');
	output_added(&p->kv->out);
}

static void
disconnect(struct prompt *p)
{
	output_flush(&p->kv->out);
	warnx("%s", p->kv->conn.error);
	conn_close(&p->kv->conn);
}

/* Prints what has come; the number of lines, or -1 when that was all. */
static int
print_unasked(struct prompt *p)
{
	struct conn *c = &p->kv->conn;
	enum conn_result result;
	struct reply_line line;
	int n = 0;

	result = conn_receive_some(c);
	while (result != CONN_LOST &&
	    (result = conn_take(c, &line)) > CONN_AGAIN) {
		/* Over the prompt. */
		if (n++ == 0)
			buf_append_text(&p->kv->out.buf, "\r");
		print_line(p, &line);
	}
	if (result == CONN_LOST) {
		buf_append_text(&p->kv->out.buf, n == 0 ? "\n" : "");
		disconnect(p);
		return -1;
	}
	output_flush(&p->kv->out);
	return n;
}

enum prompt_wake
prompt_wait(struct prompt *p)
{
	struct pollfd pfds[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .events = POLLIN } };

	for (;;) {
		pfds[1].fd = p->kv->conn.fd;
		if (io_poll(pfds, 2, CLOCK_NEVER) == IO_FAILED)
			err(KV_FAILED, "poll");
		if (pfds[1].fd != -1 && pfds[1].revents != 0 &&
		    print_unasked(p) != 0)
			return PROMPT_SAID;
		if (pfds[0].revents != 0)
			return PROMPT_INPUT;
	}
}

static bool
connect_again(struct prompt *p)
{
	struct kv *kv = p->kv;

	if (kv->conn.fd != -1 || conn_open(&kv->conn, &kv->target))
		return true;
	warnx("cannot reach the server: %s", kv->conn.error);
	return false;
}

/* Prints a reply, or only waits for its end. */
static bool
read_reply(struct prompt *p, bool print, struct reply_line *line)
{
	enum conn_result result;

	for (;;) {
		result = conn_next(&p->kv->conn, line);
		if (result == CONN_LOST)
			return false;
		if (print)
			print_line(p, line);
		if (result == CONN_STATUS)
			return true;
	}
}

/*
 * SUBSCRIBE, if it is granted, is answered by nothing: the PING that was
 * sent after it tells.
 */
static bool
read_subscribed(struct prompt *p, struct reply_line *line)
{
	if (conn_next(&p->kv->conn, line) == CONN_LOST)
		return false;
	if (line->status == REPLY_OK && line->text.size == strlen("OK"))
		return true;
	print_line(p, line);
	return read_reply(p, false, line);
}

static void
ask(struct prompt *p)
{
	struct bytes ping = { "PING", strlen("PING") };
	struct conn *c = &p->kv->conn;
	struct reply_line line;
	bool subscribe, ok;

	subscribe = words_equal(words_get(&p->words)[0], "SUBSCRIBE") &&
	    words_count(&p->words) == 2;
	conn_request(c, words_get(&p->words), words_count(&p->words));
	if (subscribe)
		conn_request(c, &ping, 1);
	ok = conn_flush(c) &&
	    (subscribe ? read_subscribed(p, &line) :
			 read_reply(p, true, &line));
	if (!ok) {
		disconnect(p);
		return;
	}
	/* COMMIT has more than one; what is late comes while we wait. */
	while (conn_take(c, &line) > CONN_AGAIN)
		print_line(p, &line);
	output_flush(&p->kv->out);
}

/* Returns false when the person has had enough. */
static bool
take_line(struct prompt *p, struct buf *line)
{
	enum words_result result;
	struct bytes word;

	result = words_split(buf_data(line), buf_size(line), &p->words);
	if (buf_failed(&p->words))
		err(KV_FAILED, NULL);
	if (result != WORDS_OK) {
		warnx("%s",
		    result == WORDS_UNBALANCED	   ? "unbalanced quotes" :
			result == WORDS_BAD_ESCAPE ? "bad escape" :
						     "too many words");
		return true;
	}
	if (words_count(&p->words) == 0)
		return true;
	word = words_get(&p->words)[0];
	if (words_equal(word, "QUIT") || words_equal(word, "EXIT"))
		return false;
	if (connect_again(p))
		ask(p);
	return true;
}

enum kv_status
prompt_run(struct kv *kv, prompt_read *read, void *state)
{
	struct prompt p = { .kv = kv };
	struct buf line;

	buf_init(&line);
	kv_connect(kv);
	while (read(&p, state, &line)) {
		if (buf_failed(&line))
			err(KV_FAILED, NULL);
		if (!take_line(&p, &line))
			break;
		buf_truncate(&line, 0);
	}
	buf_clear(&line);
	buf_clear(&p.words);
	return KV_DONE;
}
