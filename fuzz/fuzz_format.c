/*
 * fuzz_format: this target reads messages as a worker reads them from the
 * registry, and prints them (proto/format, proto/listing,
 * worker/subscriptions).  The printed lines must be readable for kv
 * (proto/reply).  The first byte of an input selects the type of the message;
 * the rest is the body of the message.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "proto/format.h"
#include "proto/hello.h"
#include "proto/listing.h"
#include "proto/reply.h"
#include "worker/subscriptions.h"

/* This reads the text as kv does.  It returns the kind of the last line. */
static enum reply_kind
read_text(const struct buf *text)
{
	enum reply_kind kind, last = REPLY_AGAIN;
	struct reply_reader r;
	struct reply_line line;
	const struct bytes *words;
	uint8_t *to;
	size_t n;

	FUZZ_ASSERT(!buf_failed(text));
	reply_init(&r, REPLY_LINE_MAX(buf_size(text)));
	to = reply_reserve(&r, buf_size(text) + 1);
	FUZZ_ASSERT(to != NULL);
	if (buf_size(text) > 0)
		memcpy(to, buf_data(text), buf_size(text));
	reply_commit(&r, buf_size(text));
	while ((kind = reply_next(&r, &line)) > REPLY_AGAIN) {
		last = kind;
		FUZZ_ASSERT(
		    kind == REPLY_STATUS || reply_words(&r, &words, &n));
	}
	FUZZ_ASSERT(kind == REPLY_AGAIN && !reply_is_partial(&r));
	reply_clear(&r);
	return last;
}

static void
print_reply(struct bytes body)
{
	struct buf text;

	buf_init(&text);
	if (format_reply(&text, body))
		FUZZ_ASSERT(read_text(&text) == REPLY_STATUS);
	buf_clear(&text);
}

static void
print_page(enum list_kind kind, struct bytes body)
{
	struct listing listing = { .kind = kind, .limit = 1000 };
	enum listing_result result;
	struct buf text;

	buf_init(&text);
	result = listing_format(&listing, body, &text);
	if (result == LISTING_END)
		FUZZ_ASSERT(read_text(&text) == REPLY_STATUS);
	if (result == LISTING_MORE)
		FUZZ_ASSERT(read_text(&text) != REPLY_STATUS);
	buf_clear(&text);
}

static void
print_event(struct bytes body)
{
	struct message m = { .type = MESSAGE_EVENT,
		.sequence = 2,
		.body = body };
	struct hello_bucket bucket = { .name = bytes_from_text("bucket"),
		.tells_revision = true };
	struct subscriptions subscriptions;
	struct buf text;

	memset(&subscriptions, 0, sizeof(subscriptions));
	buf_init(&text);
	subscriptions_add(&subscriptions, &bucket, 0);
	if (subscriptions_format(&subscriptions, &m, &text) == SUBSCRIPTIONS_OK)
		FUZZ_ASSERT(read_text(&text) != REPLY_STATUS);
	subscriptions_clear(&subscriptions);
	buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body;

	if (size == 0)
		return 0;
	body = (struct bytes){ data + 1, size - 1 };
	switch (data[0]) {
	case 'r':
		print_reply(body);
		break;
	case 'b':
		print_page(LIST_BUCKETS, body);
		break;
	case 'p':
		print_page(LIST_ENTRIES, body);
		break;
	case 'e':
		print_event(body);
		break;
	default:
		break; /* No message has this number. */
	}
	return 0;
}
