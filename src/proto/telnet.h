/*
 * Telnet, as far as a server of lines needs it: between the bytes that came
 * and the text that they mean.  Pure: no I/O.
 *
 * Commands (RFC 854) are taken out of the text and doubled IACs made one.
 * Every option is refused, each at most once per direction (the rule of RFC
 * 1143 against loops, in 64 bytes), but for DO TIMING-MARK, which is agreed
 * to each time (RFC 860).  Subnegotiations (RFC 855) are skipped, however
 * long.  BS and DEL erase, as EC does.
 *
 * All bytes are acceptable, cut anywhere: there is no error.
 */

#ifndef PROTO_TELNET_H
#define PROTO_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

enum telnet_state {
	TELNET_TEXT = 0,
	TELNET_IAC, /* a command comes */
	TELNET_OPTION, /* WILL, WONT, DO or DONT has come, its option comes */
	TELNET_SUB, /* inside a subnegotiation */
	TELNET_SUB_IAC, /* its end, maybe */
};

/* All zero at first. */
struct telnet {
	enum telnet_state state;
	uint8_t command; /* the last one, and its option if it has one */
	uint8_t option;
	uint32_t refused_do[8], refused_will[8]; /* a bit for each option */
};

/* What is to be done with the text so far, before more is taken. */
enum telnet_event {
	TELNET_NOTHING = 0, /* there is no more */
	TELNET_ERASE, /* the last character of the line: telnet_erase */
	TELNET_DROP, /* the line that is being typed */
	TELNET_ANSWER, /* send what telnet_answer says */
};

/* Is all of this text, as it is?  As fast as memchr(3). */
bool telnet_is_text(const struct telnet *, const uint8_t *data, size_t size);

/*
 * Appends the text among `raw` to `text`, up to the first event, and moves
 * `raw` behind what was taken.  The lines that are complete by then came
 * before the event.  An answer has to be taken (telnet_answer) before the
 * next call.
 */
enum telnet_event telnet_filter(struct telnet *, struct bytes *raw,
    struct buf *text);

/* Appends the answer that is due. */
void telnet_answer(const struct telnet *, struct buf *out);

/*
 * Drops the last character of a line that is being typed: a whole one if it
 * is UTF-8, else a byte.
 */
void telnet_erase(struct buf *line);

#endif
