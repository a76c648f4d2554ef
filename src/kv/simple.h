/*
 * Commands of one request whose reply has at most one word.
 */

#ifndef KV_SIMPLE_H
#define KV_SIMPLE_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/* Nothing is printed. */
enum kv_status simple_run(struct kv *, const struct bytes *args, size_t n);
/* A value; none is KV_NOT_FOUND. */
enum kv_status simple_get(struct kv *, const struct bytes *args, size_t n);
/* A number, and a newline; none is KV_NOT_FOUND. */
enum kv_status simple_number(struct kv *, const struct bytes *args, size_t n);

#endif
