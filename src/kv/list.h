/*
 * Commands whose reply is a list of names or of pairs.
 */

#ifndef KV_LIST_H
#define KV_LIST_H

#include "common/bytes.h"
#include "kv/kv.h"
#include "kv/kv_status.h"

/* keys and buckets: each line is a name. */
enum kv_status list_names(struct kv *, const struct bytes *args, size_t n);
/* entries and stats: each line has two words. */
enum kv_status list_pairs(struct kv *, const struct bytes *args, size_t n);
/* Prints the pair that pop has removed.  KV_NOT_FOUND: there was none. */
enum kv_status list_pop(struct kv *, const struct bytes *args, size_t n);

#endif
