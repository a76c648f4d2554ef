/*
 * import: requests from standard input, many of them under way at a time.
 *
 * The server answers each request with one status line, in order.  A ring
 * buffer holds the line number of each request under way, so that a message
 * can name the line.  Memory is bounded by the ring and by the longest line.
 */

#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/bar.h"
#include "kv/import.h"
#include "kv/kv.h"
#include "proto/format.h"

/* Requests under way: enough for the server to commit many together. */
#define WINDOW 4096
/* No further request is made while so many bytes wait to be sent. */
#define AHEAD ((size_t)256 << 10)
#define READ_SIZE ((size_t)64 << 10)
/* As many words as a request may have. */
#define REQUEST_WORDS 6
/* A longer word that is written as kvd would write it is sent as it is: most of
 * the work for large values was to decode them and to quote them again. */
#define DECODE_MAX 1024
/* So many failures are printed, and the rest is only counted. */
#define FAILURES_PRINTED 20

struct import {
	struct kv *kv;
	struct buf in;
	size_t seen; /* bytes of `in` that hold no end of a line */
	bool whole; /* `in` begins with a complete line */
	bool end; /* of the input */
	bool broken; /* the connection failed: nothing more is sent or read */
	struct buf words; /* of a line */
	bool raw[REQUEST_WORDS]; /* which of them are not decoded */
	uint64_t lines[WINDOW]; /* ring: numbers of the lines under way */
	size_t first, under_way; /* where it begins; how many */
	uint64_t line; /* number of the last line taken from `in` */
	uint64_t done, failed;
	uint64_t read_bytes, total_bytes;
	int64_t deadline_ms;
	struct bar bar;
	enum kv_status status;
};

__attribute__((format(printf, 4, 5))) static void
fail_line(struct import *im, uint64_t line, enum kv_status status,
    const char *format, ...)
{
	char text[256];
	va_list args;

	im->status = kv_status_worse(im->status, status);
	if (++im->failed > FAILURES_PRINTED)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bar_clear(&im->bar);
	warnx("line %" PRIu64 ": %s", line, text);
	if (im->failed == FAILURES_PRINTED)
		warnx("further lines that fail are only counted");
}

/*
 * Is this a request that may be imported?  Its answer is a status line alone,
 * and to carry it out twice has the same effect as once: whoever does not know
 * how far an import came may repeat it.
 */
static bool
is_importable(const struct bytes *words, size_t n)
{
	if (words_equal(words[0], "CREATE"))
		return n == 2;
	if (words_equal(words[0], "PUT") || words_equal(words[0], "ADD"))
		return n == 4 || (n == 6 && words_equal(words[4], "EX"));
	return words_equal(words[0], "DELETE") && n == 3;
}

/* Splits a line into words, and decodes them, but not those that are sent as
 * they are. */
static enum words_result
split(struct import *im, uint8_t *line, size_t size)
{
	enum words_result result = words_split_raw(line, size, &im->words);
	struct bytes *words = (void *)buf_data(&im->words);
	size_t n = words_count(&im->words), i;

	if (buf_failed(&im->words))
		err(KV_FAILED, NULL);
	for (i = 0; i < n && i < REQUEST_WORDS && result == WORDS_OK; i++) {
		im->raw[i] =
		    words[i].size > DECODE_MAX && format_is_safe(words[i]);
		if (!im->raw[i])
			result = words_decode(&words[i]);
	}
	return result;
}

static void
send_line(struct import *im)
{
	const struct bytes *words = words_get(&im->words);
	size_t n = words_count(&im->words), i;
	struct buf *out = &im->kv->conn.out;

	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_append_byte(out, ' ');
		if (im->raw[i])
			buf_append(out, words[i].data, words[i].size);
		else
			format_word(out, words[i]);
	}
	buf_append_text(out, "\r\n");
	im->lines[(im->first + im->under_way++) % WINDOW] = im->line;
}

static void
take_line(struct import *im, uint8_t *line, size_t size)
{
	enum words_result result;

	im->line++;
	result = split(im, line, size);
	if (result != WORDS_OK)
		fail_line(im, im->line, KV_REFUSED, "%s",
		    kv_words_error(result));
	else if (words_count(&im->words) == 0)
		return;
	else if (!is_importable(words_get(&im->words), words_count(&im->words)))
		fail_line(im, im->line, KV_REFUSED,
		    "not a CREATE, PUT, ADD or DELETE");
	else
		send_line(im);
}

/* Makes requests of the lines in `in`, up to the window. */
static void
take_lines(struct import *im)
{
	struct kv_conn *c = &im->kv->conn;
	size_t size, taken;

	for (;;) {
		im->whole = words_find_line(buf_data(&im->in),
		    buf_size(&im->in), im->seen, &size, &taken);
		im->seen = im->whole ? 0 : taken;
		if (!im->whole || im->under_way == WINDOW ||
		    buf_size(&c->out) >= AHEAD)
			return;
		take_line(im, buf_data(&im->in), size);
		buf_consume(&im->in, taken);
		im->read_bytes += taken;
	}
}

static void
read_input(struct import *im)
{
	uint8_t *to;
	ssize_t n;

	if (buf_size(&im->in) > KV_CONN_LINE_MAX)
		errx(KV_REFUSED, "line %" PRIu64 ": line too long",
		    im->line + 1);
	to = buf_reserve(&im->in, READ_SIZE);
	if (to == NULL)
		err(KV_FAILED, NULL);
	n = read(STDIN_FILENO, to, READ_SIZE);
	if (n > 0)
		buf_commit(&im->in, (size_t)n);
	else if (n == 0)
		im->end = true;
	else if (errno != EINTR && errno != EAGAIN)
		err(KV_FAILED, "standard input");
}

/* Gives the connection up, and says how far the import has come. */
static void
break_off(struct import *im, const char *why)
{
	uint64_t line = im->under_way > 0 ? im->lines[im->first] : im->line + 1;

	im->broken = true;
	im->status = KV_UNREACHABLE;
	bar_clear(&im->bar);
	warnx("%s; it is not known what was done from line %" PRIu64 " on", why,
	    line);
}

static void
take_status(struct import *im, const struct reply_line *line)
{
	uint64_t number = im->lines[im->first];
	char text[128];

	snprintf(text, sizeof(text), "%.*s", (int)line->text.size,
	    (const char *)line->text.data);
	if (im->under_way == 0 || kv_status_is_farewell(line)) {
		break_off(im, text);
		return;
	}
	im->first = (im->first + 1) % WINDOW;
	im->under_way--;
	if (line->status == REPLY_OK)
		im->done++;
	else if (line->status == REPLY_NOT_FOUND)
		fail_line(im, number, KV_NOT_FOUND, "no such bucket");
	else
		fail_line(im, number, kv_status_of(line), "%s", text);
}

static void
take_replies(struct import *im)
{
	struct kv_conn *c = &im->kv->conn;
	enum kv_conn_result result;
	struct reply_line line;

	result = kv_conn_receive_some(c);
	im->deadline_ms = clock_ms() + c->timeout_ms;
	while (result != KV_CONN_LOST && !im->broken &&
	    (result = kv_conn_take(c, &line)) > KV_CONN_AGAIN) {
		if (result == KV_CONN_DATA)
			kv_nonsense(im->kv);
		take_status(im, &line);
	}
	if (result == KV_CONN_LOST)
		break_off(im, c->error);
}

/* Waits until something can be read or written, and does that. */
static void
turn(struct import *im)
{
	struct kv_conn *c = &im->kv->conn;
	struct pollfd pfds[2] = { { .fd = c->fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN } };
	size_t before = buf_size(&c->out);
	bool due = before > 0 || im->under_way > 0;

	if (before > 0)
		pfds[0].events |= POLLOUT;
	if (!im->end && !im->whole)
		pfds[1].fd = STDIN_FILENO;
	/* There is no deadline for standard input. */
	if (io_poll(pfds, 2, due ? im->deadline_ms : CLOCK_NEVER) == IO_AGAIN) {
		(void)kv_conn_timed_out(c);
		break_off(im, c->error);
		return;
	}
	if (!due)
		im->deadline_ms = clock_ms() + c->timeout_ms;
	if (pfds[1].revents != 0)
		read_input(im);
	if ((pfds[0].revents & POLLOUT) &&
	    kv_conn_send_some(c) == KV_CONN_LOST) {
		break_off(im, c->error);
		return;
	}
	if (buf_size(&c->out) < before)
		im->deadline_ms = clock_ms() + c->timeout_ms;
	if (pfds[0].revents & (POLLIN | POLLHUP | POLLERR))
		take_replies(im);
}

/* A last line without its end may be half a request.  kvd refuses it, too. */
static void
check_rest(struct import *im)
{
	if (!im->broken && buf_size(&im->in) > 0)
		fail_line(im, im->line + 1, KV_REFUSED, "unterminated line");
}

static void
finish(struct import *im)
{
	bar_clear(&im->bar);
	if (!im->kv->options.quiet)
		warnx("%" PRIu64 " lines done, %" PRIu64 " failed", im->done,
		    im->failed);
	buf_clear(&im->in);
	buf_clear(&im->words);
}

static bool
is_over(const struct import *im)
{
	return im->broken ||
	    (im->end && !im->whole && im->under_way == 0 &&
		buf_size(&im->kv->conn.out) == 0);
}

enum kv_status
import_run(struct kv *kv, const struct bytes *args, size_t n)
{
	struct import im = { .kv = kv };
	struct stat st;

	(void)args;
	(void)n;
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		im.total_bytes = (uint64_t)st.st_size;
	bar_init(&im.bar, "lines", !kv->options.quiet);
	kv_connect(kv);
	im.deadline_ms = clock_ms() + kv->conn.timeout_ms;
	while (!is_over(&im)) {
		turn(&im);
		take_lines(&im);
		bar_show(&im.bar, im.read_bytes, im.total_bytes, im.done);
	}
	check_rest(&im);
	finish(&im);
	return im.status;
}
