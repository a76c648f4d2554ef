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

/*
 * Appends the frame of an event, whose kind is event->kind.  The revision is
 * that of the commit, and takes the place of the sequence number in the frame.
 */
void event_put(struct buf *, uint64_t revision, const struct fields *event);
/* Reads the kind and the fields that this kind has.  False: it is malformed. */
bool event_get(const struct message *, struct fields *event);

#endif
