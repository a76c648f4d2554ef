/*
 * lock: runs a command while kv holds a lock, as flock(1) does.
 */

#ifndef KV_LOCK_H
#define KV_LOCK_H

#include "common/bytes.h"
#include "kv/kv_status.h"

struct kv;

/* The bucket and the key.  What follows is the command and its arguments, each
 * with a NUL behind it. */
#define LOCK_ARGS 2

/*
 * Returns the status of the command, which may be any, or KV_NOT_FOUND if
 * somebody else has the lock.
 */
enum kv_status lock_run(struct kv *, const struct bytes *args, size_t n);

#endif
