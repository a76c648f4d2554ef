/*
 * The registry's end of the area, which is also the registry's own cache of
 * records that were read recently: to find a record here costs two misses of
 * the processor's caches; in the tree of a large store it costs a dozen.
 *
 * When the ring is full, only one in several records that are not found is put.
 * So a scan of more records than fit costs little, and does not evict those that
 * are read often.  When the ring comes to a record that was read since it came
 * by before, the record is put again.
 *
 * The area knows nothing of views and transactions.  Whoever changes a record
 * drops it here first, says that the commit comes, and that the batch has ended.
 */

#ifndef AREA_WRITER_H
#define AREA_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "area/epoch.h"
#include "area/memory.h"
#include "common/bytes.h"

struct area_writer;

/* The area in this memory, or, without any, one that nobody shares.  The memory
 * and the epoch have to outlive it.  It has no size yet.  NULL with errno. */
struct area_writer *area_writer_open(const struct area_memory *,
    const struct epoch *, int64_t clock_base_ms);
/* Closes the epoch.  NULL is fine, here and below. */
void area_writer_close(struct area_writer *);
/*
 * Gives it this size, at most that of the memory that is shared and at most
 * AREA_SIZE_MAX; less than AREA_SIZE_MIN is none.  The area is empty then.
 * Returns 0, or -1 with errno: there is no memory, and it has no size.
 */
int area_writer_resize(struct area_writer *, size_t size);
/* Can others read it? */
bool area_writer_is_shared(const struct area_writer *);

/* The value is valid until the next area_writer_put() or _resize(). */
bool area_writer_get(struct area_writer *, struct bytes key,
    struct bytes *value);
/*
 * Have the processor fetch what area_writer_get() and _drop() read of a key:
 * first where its slots are, then, with what that has returned, the record.
 */
uint32_t area_writer_fetch_slots(const struct area_writer *, struct bytes key);
void area_writer_fetch_record(const struct area_writer *, uint32_t hash);
/* Puts a committed record that area_writer_get() has not found.  May decide
 * not to. */
void area_writer_put(struct area_writer *, struct bytes key,
    struct bytes value);
/* The same for one that was there before this batch, and is committed now. */
void area_writer_put_again(struct area_writer *, struct bytes key,
    struct bytes value);
/* Says which id a bucket has. */
void area_writer_name(struct area_writer *, struct bytes name, uint64_t id);

/* The batch changes the record: drops it, and does not take it again before
 * area_writer_end_batch(). */
void area_writer_drop(struct area_writer *, struct bytes key);
/* The batch drops the bucket, or makes it. */
void area_writer_forget_name(struct area_writer *, struct bytes name);
/* The commit comes: from here on nobody reads what the batch has dropped. */
void area_writer_fence(struct area_writer *);
/* After the commit: goes through keys that were there when the batch dropped
 * them; *at is 0 at first.  A large batch has more than are remembered. */
bool area_writer_next_dropped(const struct area_writer *, size_t *at,
    struct bytes *key);
/* The batch has ended, committed or not. */
void area_writer_end_batch(struct area_writer *);

/* Has as much been put since the last call as a large page takes
 * (area/large_pages.h)?  Then returns how far the area is in use, in bytes from
 * its beginning; else 0. */
size_t area_writer_filled(struct area_writer *);

/* For tests: the ring is about to be gone round for the n-th time. */
void area_writer_set_lap(struct area_writer *, uint64_t lap);

#endif
