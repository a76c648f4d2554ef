/*
 * What a worker's client has subscribed to, and the events that it is told.
 */

#ifndef WORKER_EVENTS_H
#define WORKER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

struct events {
	struct buf buckets; /* names, each by hello_put_bucket() */
	uint64_t seen; /* revision of the last commit of which the client was
			* told everything */
};

enum events_result {
	EVENTS_OK,
	EVENTS_LAGGED, /* too slow: the registry will send no more events */
	EVENTS_MALFORMED,
};

void events_clear(struct events *);
/* To be called when the registry has accepted a subscription, and when one has
 * ended. */
void events_add(struct events *, struct bytes bucket);
void events_remove(struct events *, struct bytes bucket);
/* Takes a MESSAGE_EVENT: appends its line, if it has one, and notes in `events`
 * what it says of them. */
enum events_result events_format(struct events *, const struct message *,
    struct buf *out);

/* Is there a subscription? */
static inline bool
events_wanted(const struct events *e)
{
	return buf_size(&e->buckets) > 0;
}

#endif
