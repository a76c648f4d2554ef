/*
 * Writing JSON (RFC 8259).
 */

#ifndef KV_JSON_H
#define KV_JSON_H

#include "common/buf.h"
#include "common/bytes.h"

/*
 * Appends a string.  Bytes that are not valid UTF-8 as a whole become the
 * object {"base64":"..."} (RFC 4648, with padding) instead.  Control
 * characters are escaped, so that none reaches a terminal.
 */
void json_string(struct buf *, struct bytes);

/* Appends a number if the bytes are a decimal integer, or else a string. */
void json_number(struct buf *, struct bytes);

#endif
