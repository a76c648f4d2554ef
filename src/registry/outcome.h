/*
 * Outcomes: replies whose writes are committed and which may not have
 * reached their worker.  They are stored, as reply frames by session, in the
 * same commit as the writes, so that a repeated request gets the same answer
 * instead of being executed again.
 *
 * A session's record is replaced by its next writes, or deleted by the next
 * commit after its replies were handed to the kernel.  The records of
 * sessions without a connection are listed here until it is certain that no
 * worker comes back for them.
 */

#ifndef REGISTRY_OUTCOME_H
#define REGISTRY_OUTCOME_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

struct outcome {
	TAILQ_ENTRY(outcome) entry;
	uint64_t session;
	int64_t expire_ms; /* clock_ms() */
};
TAILQ_HEAD(outcome_list, outcome);

/* A session's connection has ended, or its registry.  Returns 0, or -1 when
 * there is no memory. */
int outcome_leave(struct outcome_list *, uint64_t session, int64_t expire_ms);
/* Its worker has come back. */
void outcome_claim(struct outcome_list *, uint64_t session);
/* The next one that has expired, or NULL; outcome_free() it once deleted. */
struct outcome *outcome_expired(struct outcome_list *, struct outcome *after,
    int64_t now_ms);
void outcome_free(struct outcome_list *, struct outcome *);

/* Are these whole frames?  If so, *last is the highest sequence. */
bool outcome_check(struct bytes frames, uint64_t *last);
/* Finds the reply with this sequence. */
bool outcome_find(struct bytes frames, uint64_t sequence, struct bytes *frame);

#endif
