/*
 * outcome: what a registry leaves to its successor.
 */

#include <stdlib.h>

#include "proto/message.h"
#include "registry/outcome.h"

void
outcome_append(struct buf *record, uint64_t session, struct bytes frames)
{
	message_put_u64(record, session);
	message_put_value(record, frames);
}

/* Checks the frames and finds the last sequence. */
static bool
scan_frames(struct outcome *o)
{
	const uint8_t *p = buf_data(&o->frames);
	size_t size = buf_size(&o->frames);
	struct message m;

	for (; size > 0; p += m.frame_size, size -= m.frame_size) {
		if (message_get(p, size, size, &m) != 1)
			return false;
		o->last_sequence = m.sequence;
	}
	return true;
}

static int
load_one(struct outcome_list *list, uint64_t session, struct bytes frames)
{
	struct outcome *o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		return -1;
	TAILQ_INSERT_TAIL(list, o, entry);
	o->session = session;
	buf_append(&o->frames, frames.data, frames.size);
	return buf_failed(&o->frames) || !scan_frames(o) ? -1 : 0;
}

int
outcome_load(struct outcome_list *list, struct bytes record)
{
	struct bytes frames;
	uint64_t session;

	while (record.size > 0)
		if (!message_get_u64(&record, &session) ||
		    !message_get_value(&record, &frames) ||
		    load_one(list, session, frames) == -1)
			return -1;
	return 0;
}

struct outcome *
outcome_claim(struct outcome_list *list, uint64_t session)
{
	struct outcome *o;

	TAILQ_FOREACH (o, list, entry)
		if (o->session == session && !o->claimed) {
			o->claimed = true;
			return o;
		}
	return NULL;
}

bool
outcome_find(const struct outcome *o, uint64_t sequence, struct bytes *frame)
{
	const uint8_t *p = buf_data(&o->frames);
	size_t size = buf_size(&o->frames);
	struct message m;

	for (; size > 0; p += m.frame_size, size -= m.frame_size) {
		if (message_get(p, size, size, &m) != 1)
			return false;
		if (m.sequence == sequence) {
			*frame = (struct bytes){ p, m.frame_size };
			return true;
		}
	}
	return false;
}

void
outcome_free(struct outcome_list *list, struct outcome *o)
{
	TAILQ_REMOVE(list, o, entry);
	buf_clear(&o->frames);
	free(o);
}

void
outcome_expire(struct outcome_list *list)
{
	struct outcome *o, *next;

	TAILQ_FOREACH_SAFE (o, list, entry, next)
		if (!o->claimed)
			outcome_free(list, o);
}
