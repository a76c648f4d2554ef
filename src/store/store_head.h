/*
 * The heads of queues: for store_first(), the store remembers the first keys of
 * a bucket, or of those of its keys that begin with a prefix.
 *
 * The entries of a queue are removed at its head.  What was removed stays in
 * the tables, and in data.mdb, until it is folded, so a scan from the start has
 * to go past more and more of it.  With its head known, a queue is scanned on
 * from where the last scan has ended, some keys at a time.
 */

#ifndef STORE_STORE_HEAD_H
#define STORE_STORE_HEAD_H

#include <stdint.h>

#include "common/bytes.h"

struct store;

/* An entry of this bucket is put. */
void store_heads_put(struct store *, uint64_t id, struct bytes key);
/* The batch is committed. */
void store_heads_commit(struct store *);
/* What the batch has changed is taken back, all of it or a part. */
void store_heads_undo(struct store *);
void store_heads_free(struct store *);

#endif
