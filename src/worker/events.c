/*
 * events: subscriptions.  Runs in the worker; trusts the registry.
 */

#include <string.h>

#include "proto/format.h"
#include "worker/events.h"

void
events_clear(struct events *e)
{
	buf_clear(&e->buckets);
}

/* Where the name is; the number of its bytes with its size, or 0. */
static size_t
find(const struct events *e, struct bytes bucket, size_t *position)
{
	struct bytes rest = { buf_data(&e->buckets), buf_size(&e->buckets) };
	struct bytes name;

	while (*position = buf_size(&e->buckets) - rest.size,
	    message_get_name(&rest, &name))
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
		message_put_name(&e->buckets, bucket);
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

static enum events_result
format_set(struct bytes body, struct buf *out)
{
	struct bytes words[4] = { [1] = text("SET"), [2] = text("TO") };

	if (!message_get_name(&body, &words[0]) ||
	    !message_get_value(&body, &words[3]))
		return EVENTS_MALFORMED;
	format_line(out, words, 4);
	return EVENTS_OK;
}

static enum events_result
format_deleted(struct bytes body, struct buf *out)
{
	struct bytes words[2] = { [1] = text("DELETED") };

	if (!message_get_name(&body, &words[0]))
		return EVENTS_MALFORMED;
	format_line(out, words, 2);
	return EVENTS_OK;
}

static enum events_result
format_dropped(struct events *e, struct bytes body, struct buf *out)
{
	struct bytes bucket;

	if (!message_get_name(&body, &bucket))
		return EVENTS_MALFORMED;
	events_remove(e, bucket);
	buf_append_text(out, "DROPPED\r\n");
	return EVENTS_OK;
}

enum events_result
events_format(struct events *e, const struct message *m, struct buf *out)
{
	struct bytes body = m->body;
	uint8_t kind;

	if (!message_get_u8(&body, &kind))
		return EVENTS_MALFORMED;
	switch (kind) {
	case EVENT_SET:
		return format_set(body, out);
	case EVENT_DELETED:
		return format_deleted(body, out);
	case EVENT_DROPPED:
		return format_dropped(e, body, out);
	case EVENT_MISSED:
		buf_append_text(out, "MISSED\r\n");
		e->seen = m->sequence;
		return EVENTS_OK;
	case EVENT_COMMIT:
		e->seen = m->sequence;
		return EVENTS_OK;
	case EVENT_LAGGED:
		return EVENTS_LAGGED;
	default:
		return EVENTS_MALFORMED;
	}
}
