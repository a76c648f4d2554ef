/*
 * Changes: the only way in which the registry changes an entry or drops a
 * bucket.  While anybody subscribes to a bucket, each change to the batch is
 * noted here, in order.  events_publish() reads the notes after the commit;
 * change_undo() takes them back with the batch, or with a transaction in it.
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
	struct bytes bucket, key, value; /* those that the type has */
};

struct changes {
	bool wanted; /* set by events.c while there are subscriptions */
	struct buf noted; /* read by change_next() */
	uint64_t expired; /* entries that the open batch has expired */
};

/* These do, and return, what the functions of store.h with such names do. */
enum store_result change_put(struct changes *, struct store_view *,
    struct bytes bucket, struct bytes key, struct bytes value,
    int64_t expiry_ms);
enum store_result change_delete(struct changes *, struct store_view *,
    struct bytes bucket, struct bytes key);
enum store_result change_drop(struct changes *, struct store_view *,
    struct bytes bucket);
/* store_expire(), with a note for each entry. */
enum store_result change_expire(struct changes *, struct store_view *,
    size_t max, bool *more);

/* Frees the notes. */
void change_clear(struct changes *);
/* A mark in the notes: change_undo() takes back all that was noted after it. */
size_t change_mark(const struct changes *);
void change_undo(struct changes *, size_t mark);
/* Was there no memory for a note? */
bool change_failed(const struct changes *);
/* Takes the first note off.  False: there is none. */
bool change_next(struct bytes *noted, struct change *);

#endif
