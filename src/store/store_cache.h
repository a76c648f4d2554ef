/*
 * A cache of records that were read recently.  Finding a record here costs two
 * misses of the processor's caches; in the tree of a large store it costs a
 * dozen.
 *
 * A set-associative table of hashes points to copies of the records in a ring
 * of segments; the next segment replaces the oldest.  When all are in use, only
 * one in several records that are not found is cached.  So a scan of more
 * records than fit costs little, and does not evict those that are read often.
 *
 * The cache knows nothing of views and transactions.  Whoever writes a record
 * has to invalidate it here first, and has to say when the batch has ended.  A
 * key that was invalidated is not cached again until then.
 */

#ifndef STORE_STORE_CACHE_H
#define STORE_STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/* Larger records are not cached: copying them costs more than it saves. */
#define STORE_CACHE_RECORD_MAX 1024

/* The largest size for which positions fit the table. */
#define STORE_CACHE_MAX ((size_t)1 << 30)

struct store_cache;

/* Opens a cache of at most `size` bytes, and at most STORE_CACHE_MAX.  It takes
 * memory as it needs it.  *cache is NULL when `size` is too small for a cache.
 * Returns 0, or -1 with errno. */
int store_cache_open(struct store_cache **cache, size_t size);
void store_cache_close(struct store_cache *);

/* The value is valid until the next store_cache_put() or _close(). */
bool store_cache_get(struct store_cache *, struct bytes key,
    struct bytes *value);
/* Caches a record that store_cache_get() has just not found.  May decide not
 * to. */
void store_cache_put(struct store_cache *, struct bytes key,
    struct bytes value);
/* The batch changes the record: removes it, and does not take it again before
 * store_cache_end_batch(). */
void store_cache_invalidate(struct store_cache *, struct bytes key);
/* The batch has ended, committed or not. */
void store_cache_end_batch(struct store_cache *);

#endif
