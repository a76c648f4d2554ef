/*
 * input: lines, telnet's commands and a browser's.  Runs in the worker; all
 * of it is hostile.
 */

#include <string.h>

#include "common/clock.h"
#include "proto/first_line.h"
#include "proto/words.h"
#include "worker/events.h"
#include "worker/input.h"
#include "worker/replies.h"
#include "worker/request.h"

/* A line's words other than its value, all escaped, and blanks. */
#define LINE_OVERHEAD 4096
#define ESCAPE_SIZE 4 /* \xHH */

void
input_init(struct worker *w)
{
	w->line_max =
	    LINE_OVERHEAD + ESCAPE_SIZE * (size_t)w->config->max_value;
}

static void
refuse_http(struct worker *w)
{
	static const char reply[] = "HTTP/1.1 400 Bad Request\r\n"
				    "Connection: close\r\n"
				    "Content-Length: 0\r\n\r\n";

	buf_append_text(&w->client.out, reply);
}

/*
 * Looks at the first line, or at what has come of it.  Who is no client of
 * kvd is not served: nothing of what it has sent is carried out.
 */
static void
check_first_line(struct worker *w, const uint8_t *line, size_t size, bool whole)
{
	enum first_line_protocol protocol = FIRST_LINE_KVD;

	if (first_line_is_binary(line, size, w->seen, whole)) {
		w->over = true;
		return;
	}
	if (whole)
		protocol = first_line_protocol(line, size);
	if (protocol == FIRST_LINE_HTTP)
		refuse_http(w);
	if (protocol != FIRST_LINE_KVD)
		w->over = true;
}

static void
pass_first_line(struct worker *w)
{
	w->greeted = true;
	w->client.timing.first_line_by_ms = CLOCK_NEVER;
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
	enum words_result result;
	const struct bytes *words;
	size_t n;

	if (size > w->line_max) {
		pass_first_line(w);
		return replies_answer(w, STATUS_LINE_TOO_LONG);
	}
	result = words_split(line, size, &w->words);
	if (buf_failed(&w->words))
		return false;
	words = words_get(&w->words);
	n = words_count(&w->words);
	if (result == WORDS_OK && n == 0)
		return true;
	pass_first_line(w);
	if (result != WORDS_OK)
		return replies_answer(w, split_errors[result]);
	return request_run(w, words, n);
}

/*
 * The line that has begun is longer than any may be: skip it, but for a tail
 * in which its end, and what ends another protocol's request, can be seen.
 */
static bool
discard_line(struct worker *w)
{
	struct buf *in = &w->client.in;
	bool begun = !w->discarding;

	if (buf_size(in) > FIRST_LINE_TAIL)
		buf_consume(in, buf_size(in) - FIRST_LINE_TAIL);
	w->seen = buf_size(in);
	w->discarding = true;
	return !begun || replies_answer(w, STATUS_LINE_TOO_LONG);
}

/* A line of which not all has come. */
static bool
keep_line(struct worker *w, size_t size)
{
	w->seen = size;
	/* One more may be the CR of a line's end. */
	if (w->discarding || size > w->line_max + 1)
		return discard_line(w);
	return true;
}

/* The first line in `in`, with its end. */
static bool
take_line(struct worker *w, size_t size, size_t taken)
{
	struct buf *in = &w->client.in;
	bool good = true;

	if (w->discarding)
		pass_first_line(w);
	else
		good = run_line(w, buf_data(in), size);
	w->discarding = false;
	w->seen = 0;
	buf_consume(in, taken);
	return good;
}

/* Executes all complete lines. */
static bool
run_lines(struct worker *w)
{
	struct buf *in = &w->client.in;
	size_t line_size, taken;
	bool good = true, whole = true;

	while (good && whole && buf_size(in) > 0) {
		whole = words_find_line(buf_data(in), buf_size(in), w->seen,
		    &line_size, &taken);
		if (!w->greeted)
			check_first_line(w, buf_data(in),
			    whole ? line_size : taken, whole);
		if (w->over)
			break;
		good = whole ? take_line(w, line_size, taken) :
			       keep_line(w, taken);
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
		if (!replies_drain(w))
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
	w->starved = buf_failed(&copy);
	good = !w->starved;
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
bool
input_run(struct worker *w, size_t old)
{
	struct buf *in = &w->client.in;
	bool good;

	if (telnet_is_text(&w->telnet, buf_data(in) + old, buf_size(in) - old))
		good = run_lines(w);
	else
		good = run_telnet(w, old);
	good = good && replies_drain(w) && replies_take_events(w) &&
	    client_flush(&w->client) == 0;
	w->slot_text[0] = '\0';
	return good;
}

void
input_end(struct worker *w)
{
	if (buf_size(&w->client.in) > 0 && !w->discarding)
		replies_goodbye(w, STATUS_UNTERMINATED_LINE);
	w->over = true;
}
