/*
 * JSON (RFC 8259), only written.
 */

#ifndef KV_JSON_H
#define KV_JSON_H

#include "common/buf.h"
#include "common/bytes.h"

/*
 * Appends a string; bytes that are not UTF-8 as a whole become the object
 * {"base64":"..."} (RFC 4648, with padding).  Control characters are
 * escaped, so none reaches a terminal.
 */
void json_string(struct buf *, struct bytes);

/* Appends it as a number, if it is an integer in decimal; else as a string. */
void json_number(struct buf *, struct bytes);

#endif
