/*
 * Listings are sent a page at a time, all pages from one snapshot.  The worker
 * asks for the next page when its client has taken the one before, so that
 * neither worker nor registry holds more than a page.
 */

#ifndef REGISTRY_LISTING_H
#define REGISTRY_LISTING_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct fields;
struct registry;

/* Appends to `out` the page that a LIST with these fields asks for.  False: that
 * is the last, and listing_end() comes next. */
bool listing_run(struct registry *, struct conn *, uint64_t sequence,
    const struct fields *list);
/* The listing or its connection ends: lets go of the snapshot. */
void listing_end(struct registry *, struct conn *);
/*
 * Lets go of snapshots that are older than listing-timeout.  As long as one is
 * held, the store grows with what is written.
 */
void listing_expire(struct registry *, int64_t now_ms);
/* When the oldest snapshot will be; CLOCK_NEVER: there is none. */
int64_t listing_deadline(const struct registry *);

#endif
