/*
 * Listings: a page at a time, from one snapshot.  The worker asks for the
 * next page when its client has taken the one before, so that neither holds
 * more than a page.
 */

#ifndef REGISTRY_LISTING_H
#define REGISTRY_LISTING_H

#include <stdint.h>

struct conn;
struct fields;
struct registry;

/* Appends the page that a LIST with these fields asks for to the connection's
 * replies. */
void listing_run(struct registry *, struct conn *, uint64_t sequence,
    const struct fields *list);
/* The listing is over, or its connection. */
void listing_end(struct registry *, struct conn *);
/*
 * Lets go of snapshots that are older than the listing timeout: what is
 * written meanwhile makes the store grow.
 */
void listing_expire(struct registry *, int64_t now_ms);
/* When there will be one; CLOCK_NEVER: there is none. */
int64_t listing_deadline(const struct registry *);

#endif
