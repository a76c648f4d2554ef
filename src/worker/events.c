/*
 * events: subscriptions.  Runs in the worker; trusts the registry.
 */

#include <string.h>

#include "proto/event.h"
#include "proto/format.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "worker/events.h"

void
events_clear(struct events *e)
{
	buf_clear(&e->buckets);
}

/* Finds a name: sets where it begins, and returns how many bytes it takes up,
 * with its size; 0 if it is not there. */
static size_t
find(const struct events *e, struct bytes bucket, size_t *position)
{
	struct bytes rest = { buf_data(&e->buckets), buf_size(&e->buckets) };
	struct bytes name;

	while (*position = buf_size(&e->buckets) - rest.size,
	    hello_next_bucket(&rest, &name))
		if (name.size == bucket.size &&
		    memcmp(name.data, bucket.data, name.size) == 0)
			return 1 + name.size;
	return 0;
}

void
events_add(struct events *e, struct bytes bucket)
{
	size_t position;

	if (find(e, bucket, &position) == 0)
		hello_put_bucket(&e->buckets, bucket);
}

void
events_remove(struct events *e, struct bytes bucket)
{
	size_t position, size = find(e, bucket, &position);
	uint8_t *at;

	if (size == 0)
		return;
	at = buf_data(&e->buckets) + position;
	memmove(at, at + size, buf_size(&e->buckets) - position - size);
	buf_truncate(&e->buckets, buf_size(&e->buckets) - size);
}

static struct bytes
text(const char *word)
{
	return (struct bytes){ word, strlen(word) };
}

static void
format_set(const struct fields *event, struct buf *out)
{
	struct bytes words[4] = { event->key, text("SET"), text("TO"),
		event->value };

	format_line(out, words, 4);
}

static void
format_deleted(const struct fields *event, struct buf *out)
{
	struct bytes words[2] = { event->key, text("DELETED") };

	format_line(out, words, 2);
}

enum events_result
events_format(struct events *e, const struct message *m, struct buf *out)
{
	struct fields event;

	if (!event_get(m, &event))
		return EVENTS_MALFORMED;
	switch (event.kind) {
	case EVENT_SET:
		format_set(&event, out);
		break;
	case EVENT_DELETED:
		format_deleted(&event, out);
		break;
	case EVENT_DROPPED:
		events_remove(e, event.bucket);
		buf_append_text(out, "DROPPED\r\n");
		break;
	case EVENT_MISSED:
		buf_append_text(out, "MISSED\r\n");
		e->seen = m->sequence;
		break;
	case EVENT_COMMIT:
		e->seen = m->sequence;
		break;
	default: /* EVENT_LAGGED */
		return EVENTS_LAGGED;
	}
	return EVENTS_OK;
}
