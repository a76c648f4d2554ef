/*
 * What the first line of a connection tells about its other end.  A browser,
 * or a proxy, can be made to connect to kvd and to send text that somebody
 * else has chosen, but not without what its own protocol begins with: the end
 * of a request line, or bytes that nobody types.  Who begins so is no client
 * of kvd.  Pure: no I/O.
 *
 * The first line is the first that has anything in it but blanks.
 */

#ifndef PROTO_FIRST_LINE_H
#define PROTO_FIRST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Has it control characters, other than a tab?  `text` is the line without
 * its end, or what has come of it, in which the last CR may belong to the end
 * (`whole` is false).  The first `seen` bytes were looked at before.  Telnet's
 * commands, and BS and DEL, are not in it (proto/telnet.h).
 */
bool first_line_is_binary(const uint8_t *text, size_t size, size_t seen,
    bool whole);

enum first_line_protocol {
	FIRST_LINE_KVD = 0, /* nothing speaks against it */
	FIRST_LINE_HTTP, /* RFC 9112, 3 */
	FIRST_LINE_OTHER, /* SIP (RFC 3261), RTSP (RFC 7826), ICAP (RFC 3507) */
};

/*
 * Does the line end as a request of another protocol does: a blank, the
 * protocol's name in either case, a slash, and a number?  Its last
 * FIRST_LINE_TAIL bytes are enough.
 */
enum first_line_protocol first_line_protocol(const uint8_t *line, size_t size);

#define FIRST_LINE_TAIL 16

#endif
