/*
 * prompt: reads requests, sends them, and prints the replies.
 *
 * When the connection fails it is closed, and the next request opens another.
 * After each request kv waits for the reply.  Events, and whatever else the
 * server sends without being asked, are printed while kv waits at the prompt.
 *
 * Ctrl-C does not end kv.  At the prompt it discards the line; during a reply
 * it closes the connection, because the rest of the reply may be long.
 */

#include <sys/signalfd.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/startup.h"
#include "kv/kv.h"
#include "kv/prompt.h"
#include "proto/command.h"

struct prompt {
	struct kv *kv;
	struct buf words; /* of the line that was read */
	int signal_fd; /* signalfd(2) for SIGINT */
};

void
prompt_show(struct prompt *p)
{
	buf_append_text(&p->kv->out.buf, PROMPT_TEXT);
	output_flush(&p->kv->out);
}

void
prompt_newline(struct prompt *p)
{
	buf_append_byte(&p->kv->out.buf, '\n');
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
	kv_conn_close(&p->kv->conn);
}

/* Prints the lines that have come.  Returns how many, or -1 if the connection
 * is closed now. */
static int
print_unasked(struct prompt *p)
{
	struct kv_conn *c = &p->kv->conn;
	enum kv_conn_result result;
	struct reply_line line;
	int n = 0;

	result = kv_conn_receive_some(c);
	while (result != KV_CONN_LOST &&
	    (result = kv_conn_take(c, &line)) > KV_CONN_AGAIN) {
		/* The first line goes over the prompt. */
		if (n++ == 0)
			buf_append_text(&p->kv->out.buf, "\r");
		print_line(p, &line);
	}
	if (result == KV_CONN_LOST) {
		buf_append_text(&p->kv->out.buf, n == 0 ? "\n" : "");
		disconnect(p);
		return -1;
	}
	output_flush(&p->kv->out);
	return n;
}

/* Was there a SIGINT?  It is taken from the queue. */
static bool
take_interrupt(struct prompt *p)
{
	struct signalfd_siginfo info;

	return read(p->signal_fd, &info, sizeof(info)) == sizeof(info);
}

enum prompt_wake
prompt_wait(struct prompt *p)
{
	struct pollfd pfds[3] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .events = POLLIN },
		{ .fd = p->signal_fd, .events = POLLIN } };

	for (;;) {
		pfds[1].fd = p->kv->conn.fd;
		if (io_poll(pfds, 3, CLOCK_NEVER) == IO_FAILED)
			err(KV_FAILED, "poll");
		if (pfds[2].revents != 0 && take_interrupt(p))
			return PROMPT_INTERRUPTED;
		if (pfds[1].fd != -1 && pfds[1].revents != 0 &&
		    print_unasked(p) != 0)
			return PROMPT_PRINTED;
		if (pfds[0].revents != 0)
			return PROMPT_INPUT;
	}
}

static bool
connect_again(struct prompt *p)
{
	struct kv *kv = p->kv;

	if (kv->conn.fd != -1 || kv_conn_open(&kv->conn, &kv->target))
		return true;
	warnx("cannot reach the server: %s", kv->conn.error);
	return false;
}

/* Waits for the next line of a reply, until Ctrl-C. */
static enum kv_conn_result
next_line(struct prompt *p, struct reply_line *line)
{
	struct kv_conn *c = &p->kv->conn;
	struct pollfd pfds[2] = { { .fd = c->fd, .events = POLLIN },
		{ .fd = p->signal_fd, .events = POLLIN } };
	enum kv_conn_result result;

	while ((result = kv_conn_take(c, line)) == KV_CONN_AGAIN) {
		if (io_poll(pfds, 2, clock_ms() + c->timeout_ms) == IO_AGAIN)
			return kv_conn_timed_out(c);
		if (pfds[1].revents != 0 && take_interrupt(p)) {
			prompt_newline(p);
			return kv_conn_give_up(c,
			    "interrupted; the connection is closed");
		}
		if ((result = kv_conn_receive_some(c)) == KV_CONN_LOST)
			break;
	}
	return result;
}

/* Waits for a whole reply, and prints it if that is wanted. */
static bool
read_reply(struct prompt *p, bool print, struct reply_line *line)
{
	enum kv_conn_result result;

	for (;;) {
		result = next_line(p, line);
		if (result == KV_CONN_LOST)
			return false;
		if (print)
			print_line(p, line);
		if (result == KV_CONN_STATUS)
			return true;
	}
}

/* The server does not answer a SUBSCRIBE that it grants. */
static void
say_watching(struct prompt *p)
{
	struct bytes words[2] = { bytes_from_text("UNSUBSCRIBE"),
		words_get(&p->words)[1] };

	buf_append_text(&p->kv->out.buf,
	    "Watching: changes are printed as they happen.  To stop: ");
	output_line(&p->kv->out, words, 2);
}

/*
 * Reads what follows SUBSCRIBE and PING.  If SUBSCRIBE was granted, the first
 * status line is the OK of PING, and events may come before it; otherwise it is
 * the refusal, and the answer to PING follows.
 */
static bool
read_subscribed(struct prompt *p, struct reply_line *line)
{
	enum kv_conn_result result;
	struct reply_line pong;

	while ((result = next_line(p, line)) == KV_CONN_DATA)
		print_line(p, line);
	if (result == KV_CONN_LOST)
		return false;
	if (line->status == REPLY_OK) {
		say_watching(p);
		return true;
	}
	print_line(p, line);
	return read_reply(p, false, &pong);
}

/* Prints the usage of the command after UNKNOWN COMMAND. */
static void
explain(struct prompt *p)
{
	struct bytes name = words_get(&p->words)[0];
	struct buf *out = &p->kv->out.buf, usage;

	if (!command_exists(name)) {
		buf_append_text(out, "HELP lists the commands.\n");
		return;
	}
	buf_init(&usage);
	command_help(name, &usage);
	if (buf_failed(&usage))
		err(KV_FAILED, NULL);
	buf_append_text(out, "usage: ");
	buf_append(out, buf_data(&usage), buf_size(&usage) - strlen("\r\n"));
	buf_append_byte(out, '\n');
	buf_clear(&usage);
}

static void
ask(struct prompt *p)
{
	struct bytes ping = bytes_from_text("PING");
	struct kv_conn *c = &p->kv->conn;
	struct reply_line line;
	bool subscribe, ok;

	subscribe = words_equal(words_get(&p->words)[0], "SUBSCRIBE");
	kv_conn_request(c, words_get(&p->words), words_count(&p->words));
	if (subscribe)
		kv_conn_request(c, &ping, 1);
	ok = kv_conn_flush(c) &&
	    (subscribe ? read_subscribed(p, &line) :
			 read_reply(p, true, &line));
	if (!ok) {
		disconnect(p);
		return;
	}
	if (line.status == REPLY_UNKNOWN_COMMAND)
		explain(p);
	/* COMMIT is answered by several replies.  Those that have not come yet
	 * are printed at the prompt. */
	while (kv_conn_take(c, &line) > KV_CONN_AGAIN)
		print_line(p, &line);
	output_flush(&p->kv->out);
}

/* Carries out a line.  Returns false if it ends the prompt. */
static bool
take_line(struct prompt *p, struct buf *line)
{
	enum words_result result;
	struct bytes word;

	result = words_split(buf_data(line), buf_size(line), &p->words);
	if (buf_failed(&p->words))
		err(KV_FAILED, NULL);
	if (result != WORDS_OK) {
		warnx("%s", kv_words_error(result));
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
	sigset_t set;

	buf_init(&line);
	/* Ctrl-C makes the terminal discard what was typed.  If that happens
	 * between poll(2) and read(2), read(2) would block. */
	startup_terminal();
	kv_connect(kv);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	p.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p.signal_fd == -1)
		err(KV_FAILED, "signalfd");
	while (read(&p, state, &line)) {
		if (buf_failed(&line))
			err(KV_FAILED, NULL);
		if (!take_line(&p, &line))
			break;
		buf_truncate(&line, 0);
	}
	buf_clear(&line);
	buf_clear(&p.words);
	(void)close(p.signal_fd);
	return KV_DONE;
}
