/*
 * Outcomes: replies whose writes are committed and which may not have
 * reached their worker.  Every commit stores those that are under way, so
 * that the next registry gives the same answers instead of executing a
 * request again.
 *
 * In the store's record: u64 session, u32 size, and that many bytes of
 * reply frames; and so on for the next session.
 */

#ifndef REGISTRY_OUTCOME_H
#define REGISTRY_OUTCOME_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

struct outcome {
	TAILQ_ENTRY(outcome) entry;
	uint64_t session;
	uint64_t last_sequence;
	bool claimed; /* its worker has come back */
	struct buf frames;
};
TAILQ_HEAD(outcome_list, outcome);

/* Appends a session's frames to a record. */
void outcome_append(struct buf *record, uint64_t session, struct bytes frames);

/* Reads a record.  Returns 0, or -1: malformed or no memory. */
int outcome_load(struct outcome_list *, struct bytes record);
/* The outcomes of a worker that has come back, or NULL. */
struct outcome *outcome_claim(struct outcome_list *, uint64_t session);
/* Finds the reply with this sequence. */
bool outcome_find(const struct outcome *, uint64_t sequence,
    struct bytes *frame);
void outcome_free(struct outcome_list *, struct outcome *);
/* Frees those that no worker has claimed. */
void outcome_expire(struct outcome_list *);

#endif
