/*
 * Resuming: after a restart the registry tells each subscriber that comes back
 * what was committed since the commit up to which it was told, from the store's
 * log: all of it, once, in order.  Until then the subscriber is behind, and its
 * requests wait.  So does one who subscribes with SINCE.
 *
 * All who are behind are told in one pass through the log, a bounded part of it
 * in each turn.  Those who come when the pass has gone further than where they
 * are wait for the next pass.  So does a subscriber that takes its events more
 * slowly than the pass goes: it leaves the pass at the end of a commit.
 *
 * A subscriber of whom the log does not know all that it missed is told MISSED.
 */

#ifndef REGISTRY_RESUME_H
#define REGISTRY_RESUME_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct hello;
struct hello_bucket;
struct registry;
struct store_changes;

/* The pass. */
struct resume {
	struct store_changes *changes; /* NULL: nobody was behind lately */
	int64_t close_at_ms; /* clock_ms(): if nobody is behind until then */
	bool under_way;
	uint64_t revision; /* nothing of a later commit has been read */
	unsigned int joined; /* connections that take part */
	bool told; /* somebody was told of the commit that is being read */
};

/*
 * Takes the subscriptions that a worker names in its HELLO, which an earlier
 * registry had.  False: the HELLO is malformed.
 */
bool resume_begin(struct registry *, struct conn *, const struct hello *);
/*
 * Subscribes to a bucket from an earlier revision on: bucket->after.  The last
 * commit, `revision`, is the one up to which the connection was told of all else
 * to which it has subscribed.
 */
void resume_since(struct registry *, struct conn *, const struct hello_bucket *,
    uint64_t revision);
/* It takes its events too slowly: it has been told of all commits up to `seen`,
 * and of the changes of the next up to events.told. */
void resume_fall_behind(struct registry *, struct conn *, uint64_t seen);
/* The connection ends. */
void resume_leave(struct registry *, struct conn *);
/* Is somebody behind who can be told something now? */
bool resume_is_due(const struct registry *);
/* Goes on with the pass, and sends what those who take part are told.  May be
 * called while no batch is open. */
void resume_run(struct registry *);
/* When resume_expire() is to be called, which frees what is kept for those who
 * may be behind next; or CLOCK_NEVER. */
int64_t resume_deadline(const struct registry *);
void resume_expire(struct registry *, int64_t now_ms);

#endif
