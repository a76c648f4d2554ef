/*
 * Commands whose reply is a list: of names, or of pairs.
 */

#ifndef KV_LIST_H
#define KV_LIST_H

#include "common/bytes.h"
#include "kv/kv.h"
#include "kv/kv_status.h"

/* keys, buckets: a name a line. */
enum kv_status list_names(struct kv *, const struct bytes *args, size_t n);
/* entries, stats: two words a line. */
enum kv_status list_pairs(struct kv *, const struct bytes *args, size_t n);

#endif
