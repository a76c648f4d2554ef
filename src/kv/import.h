/*
 * import: requests from standard input, many of them under way at a time.
 */

#ifndef KV_IMPORT_H
#define KV_IMPORT_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Carries out lines of CREATE, PUT, ADD and DELETE, such as export writes.  If
 * a line fails, prints its number and the reason, and goes on.  Returns the
 * worst exit status of all lines.
 */
enum kv_status import_run(struct kv *, const struct bytes *args, size_t n);

#endif
