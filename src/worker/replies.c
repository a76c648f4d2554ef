/*
 * replies: from the registry to the client.  Runs in the worker; trusts the
 * registry.
 */

#include "common/log.h"
#include "proto/format.h"
#include "proto/schema.h"
#include "worker/events.h"
#include "worker/replies.h"

/* Replies that are sent before the batch is complete. */
#define OUT_MAX 65536
/* Events that may wait for the end of a listing. */
#define DEFERRED_MAX ((size_t)1 << 20)

void
replies_goodbye(struct worker *w, enum status status)
{
	format_status(&w->client.out, status);
	(void)client_flush(&w->client);
	w->closing = true;
}

bool
replies_complain(const char *what)
{
	log_warnx("malformed %s from the registry", what);
	return false;
}

/* A subscription that is accepted is answered with nothing. */
static bool
take_reply(struct worker *w, const struct message *reply)
{
	const struct message *request = &w->link.request;
	struct fields asked, answer;

	if ((request->type == MESSAGE_SUBSCRIBE ||
		request->type == MESSAGE_UNSUBSCRIBE) &&
	    schema_get(schema_find(request->type), request->body, 0, &asked) &&
	    schema_get(schema_find(reply->type), reply->body, 0, &answer)) {
		if (request->type == MESSAGE_UNSUBSCRIBE)
			events_remove(&w->link.events, asked.bucket);
		else if (answer.status == STATUS_OK) {
			events_add(&w->link.events, asked.bucket);
			return true;
		}
	}
	return format_reply(&w->client.out, reply->body) ||
	    replies_complain("reply");
}

/* While a listing is under way, its events wait in `held`. */
bool
replies_take_event(struct worker *w, const struct message *event)
{
	struct buf *out = w->in_listing ? &w->deferred_events : &w->client.out;

	/* After the first that is lost there are no others. */
	if (w->lagged)
		return true;
	switch (events_format(&w->link.events, event, out)) {
	case EVENTS_OK:
		break;
	case EVENTS_LAGGED:
		w->lagged = true;
		break;
	case EVENTS_MALFORMED:
		return replies_complain("event");
	}
	w->lagged = w->lagged || buf_size(&w->deferred_events) > DEFERRED_MAX;
	/* Part of an event, or none of it, must not pass for all. */
	return !buf_failed(out);
}

static bool
flush_some(struct worker *w)
{
	return buf_size(&w->client.out) <= OUT_MAX ||
	    client_flush(&w->client) == 0;
}

/* True: the client has been told so, as the last that it is told. */
static bool
is_lagged(struct worker *w)
{
	if (w->lagged)
		replies_goodbye(w, STATUS_LAGGED);
	return w->lagged;
}

/* Takes all outstanding replies.  False: the client is gone, or is to go. */
bool
replies_drain(struct worker *w)
{
	enum link_result result = LINK_NOTHING;
	struct message m;
	bool good = true;

	while (good && (result = link_next(&w->link, &m)) > LINK_NOTHING) {
		good = result == LINK_EVENT ? replies_take_event(w, &m) :
					      take_reply(w, &m);
		good = good && flush_some(w);
	}
	good = good && !link_lacks_memory(&w->link);
	while (good && result == LINK_FAILED && link_discard(&w->link))
		format_status(&w->client.out, STATUS_REGISTRY_UNAVAILABLE);
	return good && !is_lagged(w);
}

/* Takes the events that have come. */
bool
replies_take_events(struct worker *w)
{
	enum link_result result;
	struct message m;
	bool good = true;

	if (!events_wanted(&w->link.events))
		return true;
	while (good && (result = link_event(&w->link, &m)) == LINK_EVENT)
		good = replies_take_event(w, &m) && flush_some(w);
	good = good && !link_lacks_memory(&w->link);
	return good && !is_lagged(w);
}

/* Answers by itself, after all that was asked before. */
bool
replies_answer(struct worker *w, enum status status)
{
	if (!replies_drain(w))
		return false;
	format_status(&w->client.out, status);
	return true;
}
