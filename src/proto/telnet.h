/*
 * Telnet, as far as a server needs it that reads and writes lines.  Pure: no
 * I/O.
 *
 * Commands (RFC 854) are removed from the text, and of two IACs one is kept.
 * All options are refused, each at most once in each direction, so that no loop
 * arises (RFC 1143); but DO TIMING-MARK is always agreed to (RFC 860).
 * Subnegotiations (RFC 855) are skipped, however long they are.  BS and DEL
 * erase a character, as EC does.
 *
 * Any bytes are accepted, in pieces of any size: there is no error.
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
	TELNET_IAC, /* after an IAC: a command follows */
	TELNET_OPTION, /* after WILL, WONT, DO or DONT: the option follows */
	TELNET_SUB, /* in a subnegotiation */
	TELNET_SUB_IAC, /* after an IAC in there */
};

/* All zero at first. */
struct telnet {
	enum telnet_state state;
	uint8_t command; /* the last one */
	uint8_t option; /* and its option, if it has one */
	uint32_t refused_do[8], refused_will[8]; /* a bit for each option */
};

/* What the caller has to do before it calls telnet_filter() again. */
enum telnet_event {
	TELNET_NOTHING = 0, /* all was taken */
	TELNET_ERASE, /* erase the last character (telnet_erase()) */
	TELNET_DROP, /* remove the line that is being typed */
	TELNET_ANSWER, /* send an answer (telnet_answer()) */
};

/* Does telnet_filter() change nothing in these bytes?  As fast as memchr(3). */
bool telnet_is_text(const struct telnet *, const uint8_t *data, size_t size);

/*
 * Takes bytes from `raw` up to the first event, removes them there, and appends
 * the text among them to `text`.  The client has sent all of `text` before the
 * event, so complete lines have to be executed first.
 */
enum telnet_event telnet_filter(struct telnet *, struct bytes *raw,
    struct buf *text);

/* Appends the answer to the last command. */
void telnet_answer(const struct telnet *, struct buf *out);

/*
 * Removes the last character of a line that is being typed: all its bytes if it
 * is UTF-8, otherwise one byte.
 */
void telnet_erase(struct buf *line);

#endif
