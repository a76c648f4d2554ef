/*
 * Commands that are one request, and whose reply has at most one word for each
 * key.
 */

#ifndef KV_SIMPLE_H
#define KV_SIMPLE_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/* Prints nothing. */
enum kv_status simple_run(struct kv *, const struct bytes *args, size_t n);
/* Prints a value as it is, or several on a line each.  KV_NOT_FOUND: one is
 * missing. */
enum kv_status simple_get(struct kv *, const struct bytes *args, size_t n);
/* Prints a number and a newline.  KV_NOT_FOUND: there is none. */
enum kv_status simple_number(struct kv *, const struct bytes *args, size_t n);

#endif
