/*
 * input: lines, and telnet's commands among them.  Runs in the worker; the
 * bytes are hostile, and need not come from a client of kvd.
 */

#include "common/clock.h"
#include "proto/first_line.h"
#include "proto/words.h"
#include "worker/subscriptions.h"
#include "worker/input.h"
#include "worker/replies.h"
#include "worker/request.h"
#include "worker/state.h"

/* Enough for the words of a line besides its value, each byte escaped, and
 * for blanks. */
#define LINE_OVERHEAD 4096
#define ESCAPE_SIZE 4 /* \xHH */

void
input_init(struct worker *w)
{
	w->input.line_max =
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
 * Looks at the first line, or at the part of it that has come.  Whoever is no
 * client of kvd is not served: nothing that it has sent is executed.
 */
static void
check_first_line(struct worker *w, const uint8_t *line, size_t size, bool whole)
{
	enum first_line_protocol protocol = FIRST_LINE_KVD;

	if (first_line_is_binary(line, size, w->input.part_size, whole)) {
		account_reason(&w->account, CLOSE_FOREIGN);
		w->closing = true;
		return;
	}
	if (whole)
		protocol = first_line_protocol(line, size);
	if (protocol == FIRST_LINE_HTTP)
		refuse_http(w);
	if (protocol != FIRST_LINE_KVD) {
		account_reason(&w->account, CLOSE_FOREIGN);
		w->closing = true;
	}
}

static void
pass_first_line(struct worker *w)
{
	w->input.past_first_line = true;
	w->client.timing.first_line_by_ms = CLOCK_NEVER;
}

static const enum status split_errors[] = {
	[WORDS_UNBALANCED] = STATUS_UNBALANCED_QUOTES,
	[WORDS_BAD_ESCAPE] = STATUS_BAD_ESCAPE,
	[WORDS_TOO_MANY] = STATUS_TOO_MANY_WORDS,
};

/* Answers a line that is no command. */
static bool
refuse_line(struct worker *w, enum status status)
{
	account_command(&w->account, COUNTERS_NO_COMMAND);
	return replies_answer(w, status);
}

/* Executes a line.  False: this client is not to be served any more. */
static bool
run_line(struct worker *w, uint8_t *line, size_t size)
{
	struct buf *split = &w->input.words;
	enum words_result result;
	const struct bytes *words;
	size_t n;

	if (size > w->input.line_max) {
		pass_first_line(w);
		return refuse_line(w, STATUS_LINE_TOO_LONG);
	}
	result = words_split(line, size, split);
	if (buf_failed(split))
		return false;
	words = words_get(split);
	n = words_count(split);
	if (result == WORDS_OK && n == 0)
		return true;
	pass_first_line(w);
	if (result != WORDS_OK)
		return refuse_line(w, split_errors[result]);
	return request_run(w, words, n);
}

/* What comes next begins a line. */
static void
begin_line(struct input *i)
{
	i->part_size = 0;
	i->discarding = false;
}

/* Executes the first line in client.in, which takes up `taken` bytes with its
 * end, and removes it. */
static bool
take_line(struct worker *w, size_t size, size_t taken)
{
	struct buf *in = &w->client.in;
	bool good = true;

	w->input.more = buf_size(in) > taken;
	if (w->input.discarding)
		pass_first_line(w);
	else
		good = run_line(w, buf_data(in), size);
	buf_consume(in, taken);
	begin_line(&w->input);
	return good;
}

/*
 * All of client.in is a part of a line.  If the line is longer than any may be,
 * only a tail is kept, in which its end can be recognized, and so can a request
 * of another protocol.
 */
static bool
keep_part(struct worker *w)
{
	struct input *i = &w->input;
	struct buf *in = &w->client.in;
	/* One byte more may be the CR of the line's end. */
	bool is_news = !i->discarding && buf_size(in) > i->line_max + 1;

	i->discarding = i->discarding || is_news;
	if (i->discarding && buf_size(in) > FIRST_LINE_TAIL)
		buf_consume(in, buf_size(in) - FIRST_LINE_TAIL);
	i->part_size = buf_size(in);
	return !is_news || refuse_line(w, STATUS_LINE_TOO_LONG);
}

/* Executes all complete lines.  Then all of client.in is a part of one. */
static bool
run_lines(struct worker *w)
{
	struct buf *in = &w->client.in;
	size_t size, taken;
	bool whole;

	while (buf_size(in) > 0) {
		whole = words_find_line(buf_data(in), buf_size(in),
		    w->input.part_size, &size, &taken);
		if (!w->input.past_first_line)
			check_first_line(w, buf_data(in), whole ? size : taken,
			    whole);
		if (w->closing)
			break;
		if (!whole)
			return keep_part(w);
		if (!take_line(w, size, taken))
			return false;
	}
	return true;
}

/* Only the line that is being typed is left in client.in: a client can edit
 * no other. */
static bool
run_event(struct worker *w, enum telnet_event event)
{
	struct buf *in = &w->client.in;

	switch (event) {
	case TELNET_NOTHING:
		break;
	case TELNET_ERASE:
		telnet_erase(in);
		w->input.part_size = buf_size(in);
		break;
	case TELNET_DROP:
		buf_truncate(in, 0);
		begin_line(&w->input);
		break;
	case TELNET_ANSWER:
		if (!replies_drain(w))
			return false;
		if (!w->closing)
			telnet_answer(&w->input.telnet, &w->client.out);
		break;
	}
	return true;
}

/* What was received is not all text. */
static bool
run_telnet(struct worker *w)
{
	struct input *i = &w->input;
	struct buf *in = &w->client.in;
	enum telnet_event event;
	struct bytes rest;
	bool good;

	buf_append(&i->raw, buf_data(in) + i->part_size,
	    buf_size(in) - i->part_size);
	buf_truncate(in, i->part_size);
	rest = buf_bytes(&i->raw);
	good = !buf_failed(&i->raw);
	while (good && !w->closing && rest.size > 0) {
		event = telnet_filter(&i->telnet, &rest, in);
		good = !buf_failed(in) && run_lines(w) &&
		    (w->closing || run_event(w, event));
	}
	buf_truncate(&i->raw, 0);
	return good;
}

bool
input_run(struct worker *w)
{
	const struct input *i = &w->input;
	const struct buf *in = &w->client.in;
	bool good;

	if (telnet_is_text(&i->telnet, buf_data(in) + i->part_size,
		buf_size(in) - i->part_size)) {
		local_fetch(w, buf_bytes(in));
		good = run_lines(w);
	} else
		good = run_telnet(w);
	good = good && replies_drain(w) && replies_take_events(w) &&
	    client_flush(&w->client) == 0;
	local_end_batch(w);
	account_end_batch(&w->account);
	w->account.activity->command[0] = '\0';
	return good;
}

void
input_end(struct worker *w)
{
	if (buf_size(&w->client.in) > 0 && !w->input.discarding)
		replies_goodbye(w, STATUS_UNTERMINATED_LINE, CLOSE_END);
	account_reason(&w->account, CLOSE_END);
	w->closing = true;
}
