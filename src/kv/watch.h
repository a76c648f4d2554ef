/*
 * watch: a subscription that is renewed when its connection is lost.
 */

#ifndef KV_WATCH_H
#define KV_WATCH_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Prints the events of a bucket until it is dropped, and then returns
 * KV_NOT_FOUND.  Prints a message on standard error when events may have been
 * missed.
 */
enum kv_status watch_run(struct kv *, const struct bytes *args, size_t n);

#endif
