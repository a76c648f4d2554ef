/*
 * EVENT: what the registry sends a subscriber, between replies, without being
 * asked.
 */

#ifndef PROTO_EVENT_H
#define PROTO_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "proto/message.h"

struct fields;

enum event_kind {
	EVENT_SET, /* key, value */
	EVENT_DELETED, /* key */
	EVENT_DROPPED, /* bucket: the subscription has ended */
	EVENT_COMMIT, /* no field: all events of this commit were sent */
	EVENT_MISSED, /* no field: events before this one may be missing */
	EVENT_LAGGED, /* no field: the subscriber is too slow; this is the last
		       * event */
	EVENT_KINDS /* the number of kinds */
};

/*
 * Appends the frame of an event, whose kind is event->kind.  `revision` is that
 * of the commit for COMMIT, MISSED and LAGGED, and 0 for the others.  It takes
 * the place of the sequence number in the frame.
 */
void event_put(struct buf *, uint64_t revision, const struct fields *event);
/* Reads the kind and the fields that this kind has.  False: it is malformed. */
bool event_get(const struct message *, struct fields *event);

#endif
