/*
 * listing: a listing's requests and pages.  Runs in the worker, which parses the
 * client's words and formats the pages, and in the registry, which makes them.
 */

#include <string.h>

#include "common/number.h"
#include "proto/answer.h"
#include "proto/format.h"
#include "proto/listing.h"
#include "proto/schema.h"
#include "proto/words.h"

/* Most words of a line: ENTRIES has a key and a value. */
#define LINE_WORDS_MAX 2

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
	if (after.size > 0) /* or data may be NULL */
		memcpy(l->after, after.data, after.size);
	return STATUS_OK;
}

/* Options are pairs of a name and a value, each at most once, in any order. */
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
	struct fields f = { .kind = (uint8_t)l->kind,
		.revision = l->revision,
		.limit = l->limit,
		.bucket = l->bucket,
		.prefix = l->prefix,
		.after = { l->after, l->after_size } };

	schema_put(b, MESSAGE_LIST, sequence, &f);
}

bool
listing_is_sound(const struct fields *list)
{
	return (list->bucket.size == 0) == (list->kind == LIST_BUCKETS);
}

size_t
listing_begin_page(struct buf *b, uint64_t sequence)
{
	struct fields f = { .rest.size = 0 };

	return schema_begin(b, MESSAGE_PAGE, sequence, &f);
}

/* Overwrites the fields that listing_begin_page() has written. */
void
listing_end_page(struct buf *b, size_t position,
    const struct listing_page *page)
{
	struct fields f = { .revision = page->revision,
		.status = (uint8_t)page->status,
		.more = page->more };
	uint8_t memory[32];
	struct buf head;

	message_end(b, position);
	buf_init_with(&head, memory, sizeof(memory));
	schema_put_fields(&head, schema_find(MESSAGE_PAGE), &f);
	if (!buf_failed(b))
		memcpy(buf_data(b) + position + MESSAGE_HEADER_SIZE,
		    buf_data(&head), buf_size(&head));
	buf_clear(&head);
}

static bool
format_page_line(struct listing *l, struct bytes *lines, struct buf *b)
{
	struct answer_line line;
	struct bytes name;

	if (!answer_next(lines, &line) || line.is_status || line.n == 0 ||
	    line.n > LINE_WORDS_MAX || l->limit == 0)
		return false;
	name = line.words[0];
	if (name.size == 0 || name.size > sizeof(l->after))
		return false;
	memcpy(l->after, name.data, name.size);
	l->after_size = name.size;
	l->limit--;
	format_line(b, line.words, line.n);
	return true;
}

enum listing_result
listing_format(struct listing *l, struct bytes body, struct buf *b)
{
	struct fields f;

	if (!schema_get(schema_find(MESSAGE_PAGE), body, 0, &f))
		return LISTING_MALFORMED;
	l->revision = f.revision;
	while (f.rest.size > 0)
		if (!format_page_line(l, &f.rest, b))
			return LISTING_MALFORMED;
	if (f.more)
		return LISTING_MORE;
	l->status = (enum status)f.status;
	format_status(b, l->status);
	return LISTING_END;
}
