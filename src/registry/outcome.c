/*
 * outcome: replies that may not have arrived.  Runs in the registry.
 */

#include <stdlib.h>

#include "proto/message.h"
#include "registry/outcome.h"

int
outcome_leave(struct outcome_list *list, uint64_t session, int64_t expire_ms)
{
	struct outcome *o;

	if ((o = malloc(sizeof(*o))) == NULL)
		return -1;
	o->session = session;
	o->expire_ms = expire_ms;
	TAILQ_INSERT_TAIL(list, o, entry);
	return 0;
}

void
outcome_claim(struct outcome_list *list, uint64_t session)
{
	struct outcome *o, *next;

	TAILQ_FOREACH_SAFE(o, list, entry, next)
		if (o->session == session)
			outcome_free(list, o);
}

struct outcome *
outcome_expired(struct outcome_list *list, struct outcome *after,
    int64_t now_ms)
{
	struct outcome *o;

	o = after == NULL ? TAILQ_FIRST(list) : TAILQ_NEXT(after, entry);
	while (o != NULL && o->expire_ms > now_ms)
		o = TAILQ_NEXT(o, entry);
	return o;
}

void
outcome_free(struct outcome_list *list, struct outcome *o)
{
	TAILQ_REMOVE(list, o, entry);
	free(o);
}

/* Takes the first frame off. */
static bool
next_frame(struct bytes *frames, struct message *m)
{
	if (message_get(frames->data, frames->size, frames->size, m) != 1)
		return false;
	frames->data = (const uint8_t *)frames->data + m->frame_size;
	frames->size -= m->frame_size;
	return true;
}

bool
outcome_check(struct bytes frames, uint64_t *last)
{
	struct message m;

	*last = 0;
	while (frames.size > 0) {
		if (!next_frame(&frames, &m))
			return false;
		*last = m.sequence;
	}
	return true;
}

bool
outcome_find(struct bytes frames, uint64_t sequence, struct bytes *frame)
{
	const void *start = frames.data;
	struct message m;

	while (frames.size > 0 && next_frame(&frames, &m)) {
		if (m.sequence == sequence) {
			*frame = (struct bytes){ start, m.frame_size };
			return true;
		}
		start = frames.data;
	}
	return false;
}
