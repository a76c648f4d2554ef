/*
 * Changes: the only way in which the registry changes an entry or drops a
 * bucket.  What is done to the batch is noted here, in order, for those who
 * want to be told of it once it is committed (events_publish), and taken back
 * with it.  While nobody wants to be told, nothing is noted.
 */

#ifndef REGISTRY_CHANGE_H
#define REGISTRY_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "store/store.h"

enum change_type {
	CHANGE_SET,
	CHANGE_DELETED, /* or expired */
	CHANGE_DROPPED, /* the bucket, and all that was in it */
};

struct change {
	enum change_type type;
	struct bytes bucket, key, value; /* as far as the type has them */
};

struct changes {
	bool wanted;
	struct buf noted; /* change_next() reads it */
};

/* As the store's functions, and with their results. */
enum store_result change_put(struct changes *, struct store_view *,
    struct bytes bucket, struct bytes key, struct bytes value,
    int64_t expiry_ms);
enum store_result change_delete(struct changes *, struct store_view *,
    struct bytes bucket, struct bytes key);
enum store_result change_drop(struct changes *, struct store_view *,
    struct bytes bucket);
/* Removes what has expired. */
enum store_result change_expire(struct changes *, struct store_view *,
    size_t max, bool *more);

/* Frees the notes. */
void change_clear(struct changes *);
/* Where the notes are; what is noted after a mark can be taken back. */
size_t change_mark(const struct changes *);
void change_undo(struct changes *, size_t mark);
/* Has noting failed for want of memory? */
bool change_failed(const struct changes *);
/* Takes the first note off; false: there is none. */
bool change_next(struct bytes *noted, struct change *);

#endif
