/*
 * Outcomes: the replies to writes that are committed, kept because they may not
 * have reached their worker.  NFS servers call this a duplicate request cache,
 * or reply cache; this one is durable.  A session has one record of outcomes: a
 * row of reply frames in the store, put in the same commit as the writes that
 * they answer.  A request that a worker repeats after the registry died is
 * answered from the record, and not executed again.
 *
 * A record is replaced by the next writes of its session, or deleted by the
 * first commit after its replies were handed to the kernel.  The list here has
 * the orphaned records, whose sessions have no connection.  They wait until it
 * is certain that no worker comes back for them, be it dead or too late.
 */

#ifndef REGISTRY_OUTCOME_H
#define REGISTRY_OUTCOME_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

/* An orphaned record, which is deleted when its time has come. */
struct outcome {
	TAILQ_ENTRY(outcome) entry;
	uint64_t session;
	int64_t expire_ms; /* clock_ms() */
};
TAILQ_HEAD(outcome_list, outcome);

/* Adds the record of a session whose connection, or registry, has ended.
 * Returns 0, or -1 when there is no memory. */
int outcome_leave(struct outcome_list *, uint64_t session, int64_t expire_ms);
/* The worker has come back: takes its session off the list. */
void outcome_claim(struct outcome_list *, uint64_t session);
/* The next that has expired, or NULL.  outcome_free() comes after the commit
 * that deletes it from the store. */
struct outcome *outcome_expired(struct outcome_list *, struct outcome *after,
    int64_t now_ms);
void outcome_free(struct outcome_list *, struct outcome *);

/* Is this record whole frames?  If so, *last is the highest sequence. */
bool outcome_check(struct bytes frames, uint64_t *last);
/* Finds the reply to the request with this sequence. */
bool outcome_find(struct bytes frames, uint64_t sequence, struct bytes *frame);

#endif
