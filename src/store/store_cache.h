/*
 * Records that were read lately, in memory: to find one here costs two misses
 * of the processor's caches, in the tree of a large store a dozen.
 *
 * A set-associative table of hashes leads to copies in a ring of segments, of
 * which the oldest is given up for the next.  Once all are in use only one of
 * some records that are not found is taken in, so that a walk through more
 * than there is room for neither costs much nor throws out what is read again
 * and again.
 *
 * It knows nothing of views and transactions: whoever writes a record has to
 * drop it here first, and says when what was written since is committed or
 * taken back.  Until then nothing of a dropped key is taken in.
 */

#ifndef STORE_STORE_CACHE_H
#define STORE_STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/* Larger records are not kept: to copy them costs more than it saves. */
#define STORE_CACHE_RECORD_MAX 1024

/* What a place in the table can count. */
#define STORE_CACHE_MAX ((size_t)1 << 30)

struct store_cache;

/* Uses at most `size` bytes, at most STORE_CACHE_MAX, and of these only what
 * it needs.  *cache is NULL when that is too little for anything.  Returns 0,
 * or -1 with errno. */
int store_cache_open(struct store_cache **cache, size_t size);
void store_cache_close(struct store_cache *);

/* The value is valid until the next put, or the end. */
bool store_cache_get(struct store_cache *, struct bytes key,
    struct bytes *value);
/* Takes a record that get has just not found; or does not. */
void store_cache_put(struct store_cache *, struct bytes key,
    struct bytes value);
void store_cache_invalidate(struct store_cache *, struct bytes key);
/* The batch of writes has ended. */
void store_cache_end_batch(struct store_cache *);

#endif
