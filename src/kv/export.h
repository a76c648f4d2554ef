/*
 * export: buckets as the requests that create them again.
 */

#ifndef KV_EXPORT_H
#define KV_EXPORT_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/* Prints CREATE and PUT requests, one on a line, for these buckets, or for
 * all if n is 0. */
enum kv_status export_run(struct kv *, const struct bytes *args, size_t n);

#endif
