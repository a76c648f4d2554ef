/*
 * subscriptions: keeps them, and formats events.  Runs in the worker, which
 * trusts the registry.
 */

#include <string.h>

#include "common/number.h"
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

/* The client has been told of all else up to this revision, and is now told of
 * what came earlier in another bucket. */
static void
raise_after(struct subscriptions *s, uint64_t revision)
{
	struct bytes rest = buf_bytes(&s->buckets);
	struct hello_bucket b;
	struct buf raised;

	buf_init(&raised);
	while (hello_next_bucket(&rest, &b)) {
		b.after = revision;
		hello_put_bucket(&raised, &b);
	}
	buf_clear(&s->buckets);
	s->buckets = raised;
}

void
subscriptions_add(struct subscriptions *s, const struct hello_bucket *bucket,
    uint64_t revision)
{
	subscriptions_remove(s, bucket->name);
	if (bucket->after != revision)
		raise_after(s, revision);
	hello_put_bucket(&s->buckets, bucket);
	s->count++;
	s->revision = 0;
	pass_commit(s, bucket->after);
}

/* Behind the events of a commit: tells the client its revision, if one of its
 * subscriptions asks for that. */
static void
format_revision(struct subscriptions *s, uint64_t revision, struct buf *out)
{
	struct bytes rest = buf_bytes(&s->buckets), words[2];
	char text[NUMBER_SIZE];
	struct hello_bucket b;

	if (revision <= s->revision)
		return;
	while (hello_next_bucket(&rest, &b)) {
		if (!b.tells_revision)
			continue;
		words[0] = bytes_from_text("AT");
		words[1] = (struct bytes){ text,
			number_format((int64_t)revision, text) };
		format_line(out, words, 2);
		s->revision = revision;
		return;
	}
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
	if (event.kind <= EVENT_DROPPED || event.kind == EVENT_REPLACED)
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
		format_revision(s, m->sequence, out);
		break;
	case EVENT_COMMIT:
		pass_commit(s, m->sequence);
		format_revision(s, m->sequence, out);
		break;
	case EVENT_REPLACED:
		buf_append_text(out, "MISSED\r\n");
		break;
	default: /* EVENT_LAGGED */
		return SUBSCRIPTIONS_LAGGED;
	}
	return SUBSCRIPTIONS_OK;
}
