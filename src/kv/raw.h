/*
 * raw: what nc(1) does, and an exit status.
 */

#ifndef KV_RAW_H
#define KV_RAW_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Sends the words as one request, or, when there are none, standard input as
 * it is; prints all that the server says.  The worst of the statuses.
 */
enum kv_status raw_run(struct kv *, const struct bytes *args, size_t n);

#endif
