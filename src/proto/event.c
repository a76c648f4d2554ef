/*
 * event: what has changed in a bucket.  Runs in the registry, which writes
 * events, and in the worker, which reads them.
 */

#include "proto/event.h"
#include "proto/schema.h"

void
event_put(struct buf *b, uint64_t revision, const struct fields *event)
{
	struct fields head = { .kind = event->kind };
	size_t position = schema_begin(b, MESSAGE_EVENT, revision, &head);

	schema_put_fields(b, schema_event(event->kind), event);
	message_end(b, position);
}

bool
event_get(const struct message *m, struct fields *event)
{
	return m->type == MESSAGE_EVENT &&
	    schema_get(schema_find(m->type), m->body, 0, event) &&
	    schema_get(schema_event(event->kind), event->rest, SIZE_MAX, event);
}
