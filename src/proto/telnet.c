/*
 * telnet: takes telnet's commands out of the text (RFC 854).  Runs in the
 * worker; the bytes are hostile.
 */

#include <string.h>

#include "proto/telnet.h"

/* RFC 854.  All bytes from EOF_ on are commands; those that are not here are
 * ignored. */
enum {
	EOF_ = 236, /* RFC 1184; the lowest command */
	SE = 240,
	DM = 242,
	IP = 244,
	AO,
	AYT,
	EC,
	EL,
	SB = 250,
	WILL,
	WONT,
	DO,
	DONT,
	IAC,
};

#define TIMING_MARK 6 /* RFC 860 */

#define BS 0x08
#define DEL 0x7f

static bool
is_text(uint8_t c)
{
	return c != IAC && c != BS && c != DEL;
}

bool
telnet_is_text(const struct telnet *t, const uint8_t *data, size_t size)
{
	return t->state == TELNET_TEXT &&
	    (size == 0 ||
		(memchr(data, IAC, size) == NULL &&
		    memchr(data, BS, size) == NULL &&
		    memchr(data, DEL, size) == NULL));
}

static enum telnet_event
take_text(struct telnet *t, uint8_t c, struct buf *text)
{
	t->state = TELNET_TEXT;
	if (is_text(c)) {
		buf_append_byte(text, c);
		return TELNET_NOTHING;
	}
	if (c != IAC)
		return TELNET_ERASE;
	t->state = TELNET_IAC;
	return TELNET_NOTHING;
}

static enum telnet_event
take_command(struct telnet *t, uint8_t c, struct buf *text)
{
	/* This byte is no command.  Only the IAC is dropped: the byte may be
	 * the end of a line. */
	if (c < EOF_)
		return take_text(t, c, text);
	t->command = c;
	t->state = TELNET_TEXT;
	switch (c) {
	case IAC:
		buf_append_byte(text, IAC);
		return TELNET_NOTHING;
	case WILL:
	case WONT:
	case DO:
	case DONT:
		t->state = TELNET_OPTION;
		return TELNET_NOTHING;
	case SB:
		t->state = TELNET_SUB;
		return TELNET_NOTHING;
	case IP:
	case EL:
		return TELNET_DROP;
	case EC:
		return TELNET_ERASE;
	case AO:
	case AYT:
		return TELNET_ANSWER;
	default:
		return TELNET_NOTHING; /* ignored: NOP, GA, DM, BRK, ... */
	}
}

/* Notes that an option was refused.  Is this the first time? */
static bool
refuse(uint32_t refused[8], uint8_t option)
{
	uint32_t bit = (uint32_t)1 << option % 32;

	if (refused[option / 32] & bit)
		return false;
	refused[option / 32] |= bit;
	return true;
}

/* WONT and DONT need no answer: no option is ever on. */
static enum telnet_event
take_option(struct telnet *t, uint8_t option)
{
	bool due = false;

	t->state = TELNET_TEXT;
	t->option = option;
	if (t->command == DO)
		due = option == TIMING_MARK || refuse(t->refused_do, option);
	else if (t->command == WILL)
		due = refuse(t->refused_will, option);
	return due ? TELNET_ANSWER : TELNET_NOTHING;
}

static enum telnet_event
take_sub_iac(struct telnet *t, uint8_t c, struct buf *text)
{
	if (c == IAC) {
		t->state = TELNET_SUB;
		return TELNET_NOTHING;
	}
	/* SE ends the subnegotiation.  So does any other command, which is
	 * obeyed. */
	return take_command(t, c, text);
}

static enum telnet_event
take(struct telnet *t, uint8_t c, struct buf *text)
{
	switch (t->state) {
	case TELNET_IAC:
		return take_command(t, c, text);
	case TELNET_OPTION:
		return take_option(t, c);
	case TELNET_SUB:
		if (c == IAC)
			t->state = TELNET_SUB_IAC;
		return TELNET_NOTHING;
	case TELNET_SUB_IAC:
		return take_sub_iac(t, c, text);
	case TELNET_TEXT:
		break;
	}
	return take_text(t, c, text);
}

enum telnet_event
telnet_filter(struct telnet *t, struct bytes *raw, struct buf *text)
{
	enum telnet_event event = TELNET_NOTHING;
	const uint8_t *p = raw->data;
	size_t i = 0, start;

	if (raw->size == 0)
		return TELNET_NOTHING;
	while (event == TELNET_NOTHING && i < raw->size) {
		start = i;
		while (
		    t->state == TELNET_TEXT && i < raw->size && is_text(p[i]))
			i++;
		buf_append(text, p + start, i - start);
		if (i < raw->size)
			event = take(t, p[i++], text);
	}
	raw->data = p + i;
	raw->size -= i;
	return event;
}

static void
append_option(struct buf *out, uint8_t verb, uint8_t option)
{
	const uint8_t bytes[] = { IAC, verb, option };

	buf_append(out, bytes, sizeof(bytes));
}

void
telnet_answer(const struct telnet *t, struct buf *out)
{
	/* The Data Mark is not sent as urgent data: the client would discard
	 * all replies before it. */
	static const uint8_t mark[] = { IAC, DM };

	switch (t->command) {
	case AYT:
		buf_append_text(out, "[kvd: yes]\r\n");
		break;
	case AO:
		buf_append(out, mark, sizeof(mark));
		break;
	case WILL:
		append_option(out, DONT, t->option);
		break;
	case DO:
		append_option(out, t->option == TIMING_MARK ? WILL : WONT,
		    t->option);
		break;
	default:
		break; /* no answer is due */
	}
}

/* How many bytes follow this one, if it begins a character of UTF-8. */
static size_t
utf8_more(uint8_t c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef)
		return 2;
	return c >= 0xf0 && c <= 0xf4 ? 3 : 0;
}

void
telnet_erase(struct buf *line)
{
	const uint8_t *p = buf_data(line);
	size_t size = buf_size(line), more = 0;

	if (size == 0)
		return;
	while (
	    more < 3 && more + 1 < size && (p[size - 1 - more] & 0xc0) == 0x80)
		more++;
	if (utf8_more(p[size - 1 - more]) != more)
		more = 0;
	buf_truncate(line, size - 1 - more);
}
