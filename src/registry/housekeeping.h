/*
 * Upkeep: what the registry does unasked.  Entries that have expired are
 * removed when their time has come, and those of dropped buckets when nobody
 * wants anything, a bounded number a turn.  It costs nothing while there are
 * none.
 */

#ifndef REGISTRY_HOUSEKEEPING_H
#define REGISTRY_HOUSEKEEPING_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct registry;

/* When there is next something to do; `wall_ms` is when something expires. */
struct housekeeping {
	int64_t expire_at_ms; /* clock_ms(); CLOCK_NEVER: nothing will */
	int64_t purge_at_ms; /* however busy the others are */
	int64_t not_before_ms; /* there was no room */
	bool purges; /* a bucket was dropped */
	bool skip; /* the next time */
	bool skipped; /* the last time */
};

/* Finds out what there is to do, after a start. */
enum store_result housekeeping_init(struct registry *);
/* When it wants a turn: clock_ms(), or CLOCK_NEVER. */
int64_t housekeeping_deadline(const struct registry *);
bool housekeeping_is_due(const struct registry *);
/* Does a bounded part of what is due, in the batch; called once a turn. */
enum store_result housekeeping_run(struct registry *);
/* The next turn is to begin without a batch, so without housekeeping; but not twice
 * in a row, or those who want that could keep it from being done. */
void housekeeping_skip_next(struct registry *);
/* The same, in a store that cannot grow: a little, out of the reserve. */
enum store_result housekeeping_run_full(struct registry *);
/* There was no room even for that: wait. */
void housekeeping_pause(struct registry *);
/* When the next entry of the view expires, for housekeeping_set_expiry(). */
enum store_result housekeeping_next_expiry(struct store_view *,
    int64_t *expiry_ms);
/* The batch whose next expiry this is is committed. */
void housekeeping_set_expiry(struct registry *, int64_t expiry_ms);
/* The batch drops a bucket. */
void housekeeping_set_purge(struct registry *);

#endif
