/*
 * fuzz_telnet: this target mixes telnet commands into text (proto/telnet).  The
 * result must not depend on how the network splits the bytes.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "proto/telnet.h"
#include "proto/words.h"

/* This holds what a worker makes of the bytes of its client. */
struct session {
	struct telnet telnet;
	struct buf line; /* This is the incomplete line. */
	/* These are the complete lines, with their line ends. */
	struct buf lines;
	struct buf answers;
};

static void
take_lines(struct session *s)
{
	size_t size, taken;

	while (words_find_line(buf_data(&s->line), buf_size(&s->line), 0, &size,
	    &taken)) {
		buf_append(&s->lines, buf_data(&s->line), taken);
		buf_consume(&s->line, taken);
	}
}

static void
obey(struct session *s, enum telnet_event event)
{
	if (event == TELNET_ERASE)
		telnet_erase(&s->line);
	else if (event == TELNET_DROP)
		buf_consume(&s->line, buf_size(&s->line));
	else if (event == TELNET_ANSWER)
		telnet_answer(&s->telnet, &s->answers);
}

static void
receive(struct session *s, const uint8_t *data, size_t size)
{
	struct bytes raw = { data, size };
	size_t before = buf_size(&s->line);
	enum telnet_event event;
	bool plain;

	plain = telnet_is_text(&s->telnet, data, size);
	do {
		event = telnet_filter(&s->telnet, &raw, &s->line);
		if (plain) {
			FUZZ_ASSERT(event == TELNET_NOTHING);
			FUZZ_ASSERT(buf_size(&s->line) == before + size);
		}
		take_lines(s);
		obey(s, event);
	} while (event != TELNET_NOTHING);
	FUZZ_ASSERT(raw.size == 0);
}

static void
compare(const struct buf *a, const struct buf *b)
{
	FUZZ_ASSERT(!buf_failed(a) && !buf_failed(b));
	FUZZ_ASSERT(bytes_equal(buf_bytes(a), buf_bytes(b)));
}

static void
clear(struct session *s)
{
	buf_clear(&s->line);
	buf_clear(&s->lines);
	buf_clear(&s->answers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session whole, cut;
	size_t i;

	memset(&whole, 0, sizeof(whole));
	memset(&cut, 0, sizeof(cut));
	receive(&whole, data, size);
	for (i = 0; i < size; i++)
		receive(&cut, data + i, 1);
	compare(&whole.line, &cut.line);
	compare(&whole.lines, &cut.lines);
	compare(&whole.answers, &cut.answers);
	clear(&whole);
	clear(&cut);
	return 0;
}
