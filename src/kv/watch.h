/*
 * watch: a subscription that outlives its connections.
 */

#ifndef KV_WATCH_H
#define KV_WATCH_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Prints the events of a bucket until it is dropped (KV_NOT_FOUND).  Says on
 * standard error when events may have been missed.
 */
enum kv_status watch_run(struct kv *, const struct bytes *args, size_t n);

#endif
