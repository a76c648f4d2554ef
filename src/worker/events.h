/*
 * What a worker's client has subscribed to, and the events that come of it.
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
	struct buf buckets; /* hello_put_bucket() has put them */
	uint64_t seen; /* revision of the last commit that was told whole */
};

enum events_result {
	EVENTS_OK,
	EVENTS_LAGGED, /* the registry has given up on this client */
	EVENTS_MALFORMED,
};

void events_clear(struct events *);
/* The registry has accepted, or ended, a subscription. */
void events_add(struct events *, struct bytes bucket);
void events_remove(struct events *, struct bytes bucket);
/* Appends the line of an event, if it has one, given a MESSAGE_EVENT. */
enum events_result events_format(struct events *, const struct message *,
    struct buf *out);

static inline bool
events_wanted(const struct events *e)
{
	return buf_size(&e->buckets) > 0;
}

#endif
