/*
 * raw: sends and prints like nc(1), but with an exit status.
 */

#ifndef KV_RAW_H
#define KV_RAW_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Sends the words as one request, or, if there are none, standard input as it
 * is.  Prints all that the server says.  Returns the worst exit status of all
 * replies.
 */
enum kv_status raw_run(struct kv *, const struct bytes *args, size_t n);

#endif
