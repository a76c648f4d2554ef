/*
 * fuzz_command: this target turns a line into a message (proto/command,
 * proto/listing).  The registry must be able to read every message that a
 * worker makes of a line.
 */

#include "fuzz/fuzz.h"
#include "proto/command.h"
#include "proto/listing.h"
#include "proto/schema.h"
#include "proto/words.h"

/* The limit is small so that inputs reach it. */
#define VALUE_MAX 64
#define SEQUENCE 7

/* This checks that the buffer holds one whole frame of this type and nothing
 * after it. */
static struct message
get_frame(const struct buf *b, enum message_type type)
{
	struct message m;

	FUZZ_ASSERT(!buf_failed(b));
	FUZZ_ASSERT(message_get(buf_data(b), buf_size(b),
			message_request_max(VALUE_MAX), &m) == 1);
	FUZZ_ASSERT(m.frame_size == buf_size(b));
	FUZZ_ASSERT(m.type == type && m.sequence == SEQUENCE);
	return m;
}

static void
encode_listing(enum list_kind kind, const struct bytes *words, size_t n)
{
	struct listing listing;
	struct fields fields;
	struct message m;
	struct buf b;

	if (listing_parse(&listing, kind, words, n) != STATUS_OK)
		return;
	buf_init(&b);
	listing_put(&listing, SEQUENCE, &b);
	m = get_frame(&b, MESSAGE_LIST);
	FUZZ_ASSERT(schema_get(schema_find(m.type), m.body, 0, &fields) &&
	    listing_is_sound(&fields));
	buf_clear(&b);
}

static void
encode(const struct command *command, const struct bytes *words, size_t n)
{
	struct fields fields;
	struct message m;
	struct buf b;

	buf_init(&b);
	if (command_encode(command, words, n, VALUE_MAX, SEQUENCE, &b) !=
	    STATUS_OK)
		FUZZ_ASSERT(buf_size(&b) == 0);
	else {
		m = get_frame(&b, command->request);
		FUZZ_ASSERT(schema_get(schema_find(m.type), m.body, VALUE_MAX,
		    &fields));
	}
	buf_clear(&b);
}

static void
run(const struct bytes *words, size_t n)
{
	const struct command *command = command_find(words, n);
	struct buf help;

	buf_init(&help);
	command_help(words[n - 1], &help);
	FUZZ_ASSERT(words[n - 1].size == 0 ||
	    command_exists(words[n - 1]) == (buf_size(&help) > 0));
	buf_clear(&help);
	if (command == NULL)
		return;
	switch (command->local) {
	case COMMAND_REMOTE:
		encode(command, words, n);
		break;
	case COMMAND_BUCKETS:
		encode_listing(LIST_BUCKETS, words, n);
		break;
	case COMMAND_KEYS:
		encode_listing(LIST_KEYS, words, n);
		break;
	case COMMAND_ENTRIES:
		encode_listing(LIST_ENTRIES, words, n);
		break;
	default:
		break; /* The worker answers this command itself. */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf line, words;

	buf_init(&line);
	buf_init(&words);
	buf_append(&line, data, size);
	if (words_split(buf_data(&line), size, &words) == WORDS_OK &&
	    words_count(&words) > 0)
		run(words_get(&words), words_count(&words));
	buf_clear(&line);
	buf_clear(&words);
	return 0;
}
