/*
 * reply: splits what a server sends into lines.  Runs in clients, which trust
 * what the server says but not that it is well formed.
 */

#include <string.h>

#include "common/number.h"
#include "proto/reply.h"
#include "proto/words.h"

/* The largest buffer that an idle reader keeps. */
#define REPLY_KEEP ((size_t)1 << 20)

void
reply_init(struct reply_reader *r, size_t line_max)
{
	memset(r, 0, sizeof(*r));
	r->line_max = line_max;
}

void
reply_clear(struct reply_reader *r)
{
	buf_clear(&r->in);
	buf_clear(&r->words);
	reply_init(r, r->line_max);
}

void
reply_reset(struct reply_reader *r)
{
	buf_consume(&r->in, buf_size(&r->in));
	if (buf_failed(&r->in))
		buf_clear(&r->in);
	r->seen = r->taken = 0;
	r->split = r->broken = false;
}

/* The caller has read the last line. */
static void
remove_line(struct reply_reader *r)
{
	if (r->taken == 0)
		return;
	buf_consume(&r->in, r->taken);
	r->taken = 0;
	r->split = false;
}

uint8_t *
reply_reserve(struct reply_reader *r, size_t size)
{
	remove_line(r);
	buf_shrink(&r->in, REPLY_KEEP);
	return buf_reserve(&r->in, size);
}

void
reply_commit(struct reply_reader *r, size_t size)
{
	buf_commit(&r->in, size);
}

/* The server quotes the words of a data line that would look like one of
 * these. */
static bool
parse_status(struct reply_line *line)
{
	const uint8_t *p = line->text.data;
	struct bytes text = line->text;
	size_t size = strlen("ERROR");

	if (bytes_are(text, "OK"))
		line->status = REPLY_OK;
	else if (bytes_are(text, "NOT FOUND"))
		line->status = REPLY_NOT_FOUND;
	else if (bytes_are(text, "UNKNOWN COMMAND"))
		line->status = REPLY_UNKNOWN_COMMAND;
	else if (bytes_are(text, "CONFLICT"))
		line->status = REPLY_CONFLICT;
	else if (bytes_are(text, "QUEUED"))
		line->status = REPLY_QUEUED;
	else if (bytes_begin_with(text, bytes_from_text("ERROR")) &&
	    (text.size == size || p[size] == ' ')) {
		size += text.size > size;
		line->status = REPLY_ERROR;
		line->reason.data = p + size;
		line->reason.size = text.size - size;
	} else
		return false;
	return true;
}

static enum reply_kind
set_broken(struct reply_reader *r)
{
	r->broken = true;
	return REPLY_MALFORMED;
}

enum reply_kind
reply_next(struct reply_reader *r, struct reply_line *line)
{
	const uint8_t *data, *lf = NULL;
	size_t size;

	remove_line(r);
	if (buf_failed(&r->in))
		return REPLY_NO_MEMORY;
	if (r->broken)
		return REPLY_MALFORMED;
	data = buf_data(&r->in);
	size = buf_size(&r->in);
	if (size > r->seen)
		lf = memchr(data + r->seen, '\n', size - r->seen);
	r->seen = size;
	/* The CR of the longest line may have come, and not its LF. */
	if (lf == NULL)
		return size > r->line_max + 1 ? set_broken(r) : REPLY_AGAIN;
	size = (size_t)(lf - data);
	if (size == 0 || lf[-1] != '\r' || size - 1 > r->line_max)
		return set_broken(r);
	r->taken = size + 1;
	r->seen = 0;
	memset(line, 0, sizeof(*line));
	line->text.data = data;
	line->text.size = size - 1;
	return parse_status(line) ? REPLY_STATUS : REPLY_DATA;
}

bool
reply_is_partial(const struct reply_reader *r)
{
	return buf_size(&r->in) > r->taken;
}

bool
reply_words(struct reply_reader *r, const struct bytes **words, size_t *n)
{
	if (!r->split) {
		if (r->taken == 0 ||
		    words_split(buf_data(&r->in), r->taken - 2, &r->words) !=
			WORDS_OK ||
		    buf_failed(&r->words))
			return false;
		r->split = true;
	}
	*words = words_get(&r->words);
	*n = words_count(&r->words);
	return true;
}

bool
reply_is_event(struct reply_reader *r, struct reply_event *event)
{
	const struct bytes *words;
	size_t n;

	if (!reply_words(r, &words, &n) || n == 0)
		return false;
	memset(event, 0, sizeof(*event));
	if (n == 4 && bytes_are(words[1], "SET") && bytes_are(words[2], "TO")) {
		event->type = REPLY_EVENT_SET;
		event->key = words[0];
		event->value = words[3];
		return true;
	}
	if (n == 2 && bytes_are(words[1], "DELETED")) {
		event->type = REPLY_EVENT_DELETED;
		event->key = words[0];
		return true;
	}
	if (n == 2 && bytes_are(words[0], "AT") &&
	    number_parse(words[1], &event->revision) == NUMBER_OK &&
	    event->revision >= 0) {
		event->type = REPLY_EVENT_AT;
		return true;
	}
	/* If these words are quoted, the line is data. */
	if (n != 1 || *buf_data(&r->in) == '"')
		return false;
	event->type = bytes_are(words[0], "MISSED") ? REPLY_EVENT_MISSED :
						      REPLY_EVENT_DROPPED;
	return bytes_are(words[0], "MISSED") || bytes_are(words[0], "DROPPED");
}
