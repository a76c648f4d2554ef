/*
 * subscriptions: keeps them, and formats events.  Runs in the worker, which
 * trusts the registry.
 */

#include <string.h>

#include "proto/event.h"
#include "proto/format.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "worker/subscriptions.h"

void
subscriptions_clear(struct subscriptions *s)
{
	buf_clear(&s->buckets);
}

/* Finds a bucket: sets where it begins, and returns how many bytes it takes up;
 * 0 if it is not there. */
static size_t
find(const struct subscriptions *s, struct bytes bucket, size_t *position)
{
	struct bytes rest = buf_bytes(&s->buckets);
	struct hello_bucket b;

	while (*position = buf_size(&s->buckets) - rest.size,
	    hello_next_bucket(&rest, &b))
		if (bytes_equal(b.name, bucket))
			return buf_size(&s->buckets) - rest.size - *position;
	return 0;
}

/* The client has been told of all commits up to this one. */
static void
pass_commit(struct subscriptions *s, uint64_t revision)
{
	s->seen = revision;
	s->told = 0;
}

void
subscriptions_add(struct subscriptions *s, const struct hello_bucket *bucket,
    uint64_t revision)
{
	size_t position;

	if (find(s, bucket->name, &position) == 0) {
		hello_put_bucket(&s->buckets, bucket);
		s->count++;
	}
	pass_commit(s, revision);
}

void
subscriptions_remove(struct subscriptions *s, struct bytes bucket)
{
	size_t position, size = find(s, bucket, &position);
	uint8_t *at;

	if (size == 0)
		return;
	s->count--;
	at = buf_data(&s->buckets) + position;
	memmove(at, at + size, buf_size(&s->buckets) - position - size);
	buf_truncate(&s->buckets, buf_size(&s->buckets) - size);
}

static void
format_set(const struct fields *event, struct buf *out)
{
	struct bytes words[4] = { event->key, bytes_from_text("SET"),
		bytes_from_text("TO"), event->value };

	format_line(out, words, 4);
}

static void
format_deleted(const struct fields *event, struct buf *out)
{
	struct bytes words[2] = { event->key, bytes_from_text("DELETED") };

	format_line(out, words, 2);
}

/* The client has been told of this change, and those before it. */
static void
pass_change(struct subscriptions *s, uint64_t revision, uint64_t change)
{
	if (revision <= s->seen) /* it follows MISSED */
		return;
	s->seen = revision - 1;
	s->told = change;
}

enum subscriptions_result
subscriptions_format(struct subscriptions *s, const struct message *m,
    struct buf *out)
{
	struct fields event;

	if (!event_get(m, &event))
		return SUBSCRIPTIONS_MALFORMED;
	if (event.kind <= EVENT_DROPPED)
		pass_change(s, m->sequence, event.change);
	switch (event.kind) {
	case EVENT_SET:
		format_set(&event, out);
		break;
	case EVENT_DELETED:
		format_deleted(&event, out);
		break;
	case EVENT_DROPPED:
		subscriptions_remove(s, event.bucket);
		buf_append_text(out, "DROPPED\r\n");
		break;
	case EVENT_MISSED:
		buf_append_text(out, "MISSED\r\n");
		pass_commit(s, m->sequence);
		break;
	case EVENT_COMMIT:
		pass_commit(s, m->sequence);
		break;
	default: /* EVENT_LAGGED */
		return SUBSCRIPTIONS_LAGGED;
	}
	return SUBSCRIPTIONS_OK;
}
