/*
 * Housekeeping: what the registry does unasked.  It removes entries that have
 * expired, a bounded number in a turn.  Without any such entries it costs
 * nothing.
 */

#ifndef REGISTRY_HOUSEKEEPING_H
#define REGISTRY_HOUSEKEEPING_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct registry;

/* Times are those of clock_ms(). */
struct housekeeping {
	int64_t expire_at_ms; /* the next entry expires; CLOCK_NEVER: none */
	int64_t not_before_ms; /* no attempt until then: the store was full */
	/* housekeeping_skip_next() was called: housekeeping_run() does nothing
	 * the next time, and moves this to `skipped`. */
	bool skip;
	bool skipped; /* the last call of housekeeping_run() did nothing */
};

/* After the start: finds out what there is to do. */
enum store_result housekeeping_init(struct registry *);
/* When it needs a turn: clock_ms(), or CLOCK_NEVER. */
int64_t housekeeping_deadline(const struct registry *);
bool housekeeping_is_due(const struct registry *);
/* At the start of each turn: does a bounded part of what is due, in the
 * batch. */
enum store_result housekeeping_run(struct registry *);
/* The next turn shall begin without a batch, and so without housekeeping.  Has
 * no effect twice in a row: those who ask for it could keep housekeeping from
 * being done at all. */
void housekeeping_skip_next(struct registry *);
/* Instead of housekeeping_run() when the store is full: does a little, with
 * the reserve. */
enum store_result housekeeping_run_full(struct registry *);
/* Even the reserve had no space: tries again later. */
void housekeeping_pause(struct registry *);
/* When the next entry of the view expires; CLOCK_NEVER: none will. */
enum store_result housekeeping_next_expiry(struct store_view *,
    int64_t *expiry_ms);
/* After a commit: the answer of housekeeping_next_expiry() for its batch. */
void housekeeping_set_expiry(struct registry *, int64_t expiry_ms);

#endif
