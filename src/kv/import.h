/*
 * import: requests from standard input, many under way at a time.
 */

#ifndef KV_IMPORT_H
#define KV_IMPORT_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/*
 * Carries out lines of CREATE, PUT, ADD and DELETE, as export writes them.
 * Goes on after one that fails, and says which it was.  The worst of their
 * statuses.
 */
enum kv_status import_run(struct kv *, const struct bytes *args, size_t n);

#endif
