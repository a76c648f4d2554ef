/*
 * export: buckets as requests that make them.
 */

#ifndef KV_EXPORT_H
#define KV_EXPORT_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Prints CREATE and PUT requests, a line each, for these buckets, or for all
 * when none is named.
 */
enum kv_status export_run(struct kv *, const struct bytes *args, size_t n);

#endif
