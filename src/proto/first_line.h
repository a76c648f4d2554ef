/*
 * Is the other end a client of kvd?  An attacker can make a browser or a proxy
 * connect to kvd and send text that the attacker has chosen.  But first it
 * sends what its own protocol begins with: a request line of HTTP, say, or the
 * binary bytes of TLS.  This recognizes both in the first line.  Pure: no I/O.
 *
 * The first line is the first one that is not blank.
 */

#ifndef PROTO_FIRST_LINE_H
#define PROTO_FIRST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Does the line contain control characters other than tabs?  `text` is the line
 * without its end if `whole` is true.  Otherwise it is the part that has come,
 * and a CR that is its last byte may belong to the line's end.  The first `seen`
 * bytes were looked at before.  Telnet's commands, BS and DEL are taken out
 * before this (proto/telnet.h).
 */
bool first_line_is_binary(const uint8_t *text, size_t size, size_t seen,
    bool whole);

enum first_line_protocol {
	FIRST_LINE_KVD = 0, /* none of the others */
	FIRST_LINE_HTTP, /* RFC 9112, 3 */
	FIRST_LINE_OTHER, /* SIP (RFC 3261), RTSP (RFC 7826), ICAP (RFC 3507) */
};

/*
 * Recognizes a request line of another protocol by its end: a blank, the
 * protocol's name in upper or lower case, a slash, and a version number.  The
 * last FIRST_LINE_TAIL bytes of the line are enough.
 */
#define FIRST_LINE_TAIL 16
enum first_line_protocol first_line_protocol(const uint8_t *line, size_t size);

#endif
