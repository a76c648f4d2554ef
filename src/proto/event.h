/*
 * EVENT: what the registry tells a subscriber, unasked, between replies.
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
	EVENT_COMMIT, /* nothing: all events of this commit were told */
	EVENT_MISSED, /* nothing: others may have happened before this one */
	EVENT_LAGGED, /* nothing: too slow; no more will come */
	EVENT_KINDS
};

/*
 * Appends the frame of an event, whose kind is event->kind.  The revision is
 * that of the commit in COMMIT, MISSED and LAGGED; in the others it is 0.  The
 * frame has it in the place of the sequence.
 */
void event_put(struct buf *, uint64_t revision, const struct fields *event);
/* Reads it: the kind, and the fields that this kind has.  False: malformed. */
bool event_get(const struct message *, struct fields *event);

#endif
