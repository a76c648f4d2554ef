/*
 * Buckets that somebody counts: what store_count.c and store_due.c know of each.
 * Runs in the registry.
 */

#ifndef STORE_STORE_WATCH_H
#define STORE_STORE_WATCH_H

#include "store/store_record.h"

struct store_watch {
	RB_ENTRY(store_watch) by_id;
	TAILQ_ENTRY(store_watch) by_use;
	uint64_t id; /* of the bucket */
	uint64_t used; /* generation of the open table when it was, last */
	int64_t used_ms; /* the store's time then */

	/* store_count.c: the open puts that have replaced an entry. */
	bool settled; /* there is nothing behind the place */
	uint64_t replaced; /* by the open puts in front of the place */
	/* The place: of a segment, and of an entry in it. */
	uint64_t generation;
	size_t key_size; /* 0: the bucket's first */
	uint8_t key[ID_SIZE + UINT8_MAX];

	/* store_due.c: the rows of entries that have expired. */
	enum due_part part;
	uint64_t due; /* how many there are in front of the part's place */
};

/* NULL: nobody counts this bucket. */
struct store_watch *watch_find(struct store *, uint64_t id);

/* store_due.c */

/* A watch begins, or ends. */
void due_add(struct store *, struct store_watch *);
void due_leave(struct store *, struct store_watch *);
/*
 * Goes through rows, up to *left of them, which it takes off *left, until the
 * watch knows of how many entries of its bucket the time has come.  Returns an
 * error, or sets *known.  The view is the snapshot, and there is no batch.
 */
enum store_result due_settle(struct store_view *, struct store_watch *,
    size_t *left, bool *known);
/* Does it know? */
bool due_is_known(const struct store *, const struct store_watch *);
/* How many entries of the view's known bucket have expired and are not removed:
 * if it knows.  `w` may be NULL. */
bool due_get(struct store_view *, const struct store_watch *w, uint64_t *due);
/* The batch has put a row of an entry of this bucket. */
enum store_result due_put(struct store *, struct bytes row, uint64_t id);
/* It is about to remove one, if it is there. */
enum store_result due_remove(struct store_view *, struct bytes row,
    uint64_t id);
/* The same, for one that is there and whose time has come. */
enum store_result due_expire(struct store_view *, struct bytes row,
    uint64_t id);
/* The batch was committed. */
void due_commit(struct store *);

#endif
