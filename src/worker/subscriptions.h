/*
 * What a worker's client has subscribed to, and the events that it is told.
 */

#ifndef WORKER_SUBSCRIPTIONS_H
#define WORKER_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

struct hello_bucket;

struct subscriptions {
	struct buf buckets; /* each by hello_put_bucket() */
	unsigned int count; /* of them */
	/* How far the client was told of changes: as in struct hello. */
	uint64_t seen, told;
	uint64_t revision; /* the last that the client was told (AT) */
};

enum subscriptions_result {
	SUBSCRIPTIONS_OK,
	SUBSCRIPTIONS_LAGGED, /* too slow: the registry will send no more events */
	SUBSCRIPTIONS_MALFORMED,
};

void subscriptions_clear(struct subscriptions *);
/* To be called when the registry has accepted a subscription, at this revision,
 * and when one has ended.  An earlier one to the same bucket ends. */
void subscriptions_add(struct subscriptions *, const struct hello_bucket *,
    uint64_t revision);
void subscriptions_remove(struct subscriptions *, struct bytes bucket);
/* Takes a MESSAGE_EVENT: appends its line, if it has one, and notes in `events`
 * what it says of them. */
enum subscriptions_result subscriptions_format(struct subscriptions *,
    const struct message *, struct buf *out);

/* Is there a subscription? */
static inline bool
subscriptions_exist(const struct subscriptions *e)
{
	return buf_size(&e->buckets) > 0;
}

#endif
