/*
 * listing: a listing's requests and pages.  Runs in the worker.
 */

#include <string.h>

#include "common/number.h"
#include "proto/format.h"
#include "proto/listing.h"
#include "proto/words.h"

/* A line of ENTRIES. */
#define LINE_WORDS 2

static enum status
parse_name(struct bytes word, enum status too_long, struct bytes *name)
{
	*name = word;
	return word.size > UINT8_MAX ? too_long : STATUS_OK;
}

static enum status
parse_limit(struct bytes word, uint64_t *limit)
{
	int64_t number = 0;

	switch (number_parse(word, &number)) {
	case NUMBER_OK:
		*limit = (uint64_t)number;
		return number < 1 ? STATUS_OUT_OF_RANGE : STATUS_OK;
	case NUMBER_RANGE:
		return STATUS_OUT_OF_RANGE;
	default:
		return STATUS_NOT_A_NUMBER;
	}
}

static const char *const options[] = { "PREFIX", "AFTER", "LIMIT" };

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static enum status
parse_option(struct listing *l, size_t option, struct bytes word)
{
	enum status too_long = l->kind == LIST_BUCKETS ?
	    STATUS_BUCKET_TOO_LONG :
	    STATUS_KEY_TOO_LONG;
	enum status status;
	struct bytes after;

	if (option == 0)
		return parse_name(word, too_long, &l->prefix);
	if (option == 2)
		return parse_limit(word, &l->limit);
	if ((status = parse_name(word, too_long, &after)) != STATUS_OK)
		return status;
	l->after_size = after.size;
	if (after.size > 0) /* then data may be NULL */
		memcpy(l->after, after.data, after.size);
	return STATUS_OK;
}

/* Pairs of an option and its value, each at most once, in any order. */
static enum status
parse_options(struct listing *l, const struct bytes *words, size_t n)
{
	bool seen[OPTIONS] = { false };
	enum status status = STATUS_OK;
	size_t i, option;

	if (n % 2 != 0)
		return STATUS_UNKNOWN_COMMAND;
	for (i = 0; i < n && status == STATUS_OK; i += 2) {
		for (option = 0; option < OPTIONS; option++)
			if (words_equal(words[i], options[option]))
				break;
		if (option == OPTIONS || seen[option])
			return STATUS_UNKNOWN_COMMAND;
		seen[option] = true;
		status = parse_option(l, option, words[i + 1]);
	}
	return status;
}

enum status
listing_parse(struct listing *l, enum list_kind kind, const struct bytes *words,
    size_t n)
{
	size_t first = kind == LIST_BUCKETS ? 1 : 2;

	memset(l, 0, sizeof(*l));
	l->kind = kind;
	l->limit = UINT64_MAX;
	if (n < first)
		return STATUS_UNKNOWN_COMMAND;
	if (kind != LIST_BUCKETS) {
		l->bucket = words[1];
		if (l->bucket.size == 0)
			return STATUS_BUCKET_EMPTY;
		if (l->bucket.size > UINT8_MAX)
			return STATUS_BUCKET_TOO_LONG;
	}
	return parse_options(l, words + first, n - first);
}

void
listing_put(const struct listing *l, uint64_t sequence, struct buf *b)
{
	size_t position = message_begin(b, MESSAGE_LIST, sequence);

	message_put_u8(b, (uint8_t)l->kind);
	message_put_u64(b, l->revision);
	message_put_u64(b, l->limit);
	message_put_name(b, l->bucket);
	message_put_name(b, l->prefix);
	message_put_name(b, (struct bytes){ l->after, l->after_size });
	message_end(b, position);
}

static bool
format_page_line(struct listing *l, struct bytes *body, struct buf *b)
{
	struct bytes words[LINE_WORDS];
	uint16_t n, i;

	if (!message_get_u16(body, &n) || n == 0 || n > LINE_WORDS ||
	    l->limit == 0)
		return false;
	for (i = 0; i < n; i++)
		if (!message_get_value(body, &words[i]))
			return false;
	if (words[0].size == 0 || words[0].size > sizeof(l->after))
		return false;
	memcpy(l->after, words[0].data, words[0].size);
	l->after_size = words[0].size;
	l->limit--;
	format_line(b, words, n);
	return true;
}

enum listing_result
listing_format(struct listing *l, struct bytes body, struct buf *b)
{
	uint8_t status, more;

	if (!message_get_u64(&body, &l->revision) ||
	    !message_get_u8(&body, &status) || status >= STATUS_END ||
	    !message_get_u8(&body, &more))
		return LISTING_MALFORMED;
	while (body.size > 0)
		if (!format_page_line(l, &body, b))
			return LISTING_MALFORMED;
	if (more)
		return LISTING_MORE;
	format_status(b, (enum status)status);
	return LISTING_END;
}
