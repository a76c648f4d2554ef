/*
 * fuzz_reply: this target reads replies as kv reads them from a server
 * (proto/reply).  The lines must not depend on how the network splits the
 * bytes.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "proto/reply.h"

/* The limit is small so that inputs reach it. */
#define LINE_LENGTH_MAX 64

static void
append_words(struct buf *log, struct reply_reader *r)
{
	const struct bytes *words;
	struct reply_event event;
	size_t n, i;

	if (!reply_words(r, &words, &n))
		return;
	for (i = 0; i < n; i++) {
		buf_append(log, &words[i].size, sizeof(words[i].size));
		buf_append(log, words[i].data, words[i].size);
	}
	if (reply_is_event(r, &event)) {
		buf_append_byte(log, (uint8_t)event.type);
		buf_append(log, event.key.data, event.key.size);
		buf_append(log, event.value.data, event.value.size);
	}
}

/* This appends everything that the reader reports about the received lines. */
static void
read_lines(struct reply_reader *r, struct buf *log)
{
	struct reply_line line;
	enum reply_kind kind;

	while ((kind = reply_next(r, &line)) > REPLY_AGAIN) {
		FUZZ_ASSERT(line.text.size <= LINE_LENGTH_MAX);
		buf_append(log, &line.text.size, sizeof(line.text.size));
		buf_append(log, line.text.data, line.text.size);
		if (kind == REPLY_DATA)
			append_words(log, r);
		else {
			buf_append_byte(log, (uint8_t)line.status);
			buf_append(log, line.reason.data, line.reason.size);
		}
	}
	FUZZ_ASSERT(kind != REPLY_NO_MEMORY);
	if (kind == REPLY_MALFORMED)
		FUZZ_ASSERT(reply_next(r, &line) == REPLY_MALFORMED);
}

/* This reads the data in pieces of this size, or all at once if the size is
 * 0. */
static void
read_pieces(const uint8_t *data, size_t size, size_t piece, struct buf *log)
{
	struct reply_reader r;
	struct reply_line line;
	uint8_t *to;
	size_t n;

	reply_init(&r, LINE_LENGTH_MAX);
	while (size > 0) {
		n = piece == 0 || piece > size ? size : piece;
		FUZZ_ASSERT((to = reply_reserve(&r, n)) != NULL);
		memcpy(to, data, n);
		reply_commit(&r, n);
		data += n;
		size -= n;
		read_lines(&r, log);
	}
	buf_append_byte(log, reply_next(&r, &line) == REPLY_MALFORMED);
	reply_clear(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 3, 40 };
	struct buf whole, cut;
	size_t i;

	buf_init(&whole);
	read_pieces(data, size, 0, &whole);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		buf_init(&cut);
		read_pieces(data, size, pieces[i], &cut);
		FUZZ_ASSERT(bytes_equal(buf_bytes(&whole), buf_bytes(&cut)));
		buf_clear(&cut);
	}
	buf_clear(&whole);
	return 0;
}
