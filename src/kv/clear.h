/*
 * clear: removes the keys of a bucket, some at a time.
 */

#ifndef KV_CLEAR_H
#define KV_CLEAR_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/* Removes all keys, or those that begin with a prefix, and prints how many. */
enum kv_status clear_run(struct kv *, const struct bytes *args, size_t n);

#endif
