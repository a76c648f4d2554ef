/*
 * replies: passes replies and events on from the registry to the client.  Runs
 * in the worker, which trusts the registry.
 */

#include "common/log.h"
#include "proto/answer.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "worker/subscriptions.h"
#include "worker/replies.h"
#include "worker/slow.h"

/* With more bytes than this for the client, they are sent before the other
 * replies are awaited. */
#define OUT_MAX 65536
/* Bytes of events that may wait for the end of a listing. */
#define DEFERRED_MAX ((size_t)1 << 20)

void
replies_goodbye(struct worker *w, enum status status, enum close_reason reason)
{
	account_reason(&w->account, reason);
	format_status(&w->client.out, status);
	(void)client_flush(&w->client);
	w->closing = true;
}

bool
replies_malformed(struct worker *w, const char *what)
{
	account_reason(&w->account, CLOSE_REGISTRY);
	log_warnx("malformed %s from the registry", what);
	return false;
}

/* A reply to SUBSCRIBE is no line, if it is accepted. */
static bool
take_subscribed(struct worker *w, const struct fields *asked,
    const struct message *reply)
{
	struct hello_bucket b = { .name = asked->bucket,
		.prefix = asked->prefix };
	struct fields answer;

	if (!schema_get(schema_find(reply->type), reply->body, 0, &answer))
		return replies_malformed(w, "reply");
	b.id = answer.id;
	b.tells_revision = w->link.request.type == MESSAGE_SUBSCRIBE_SINCE;
	b.after = b.tells_revision && asked->since != 0 ? asked->since :
							  answer.revision;
	if (answer.status == STATUS_OK)
		subscriptions_add(&w->link.subscriptions, &b, answer.revision);
	else
		format_status(&w->client.out, (enum status)answer.status);
	return true;
}

static bool
take_reply(struct worker *w, const struct message *reply)
{
	const struct message *request = &w->link.request;
	struct fields asked;

	/* Each kind of reply begins with its status. */
	if (answer_status(reply->body) != STATUS_OK)
		account_status(&w->account, command_number_of(request->type),
		    answer_status(reply->body));
	if ((reply->type == MESSAGE_SUBSCRIBED ||
		request->type == MESSAGE_UNSUBSCRIBE) &&
	    schema_get(schema_find(request->type), request->body, 0, &asked)) {
		if (reply->type == MESSAGE_SUBSCRIBED)
			return take_subscribed(w, &asked, reply);
		subscriptions_remove(&w->link.subscriptions, asked.bucket);
	}
	return format_reply(&w->client.out, reply->body) ||
	    replies_malformed(w, "reply");
}

bool
replies_take_event(struct worker *w, const struct message *event)
{
	struct buf *out = w->in_listing ? &w->deferred_events : &w->client.out;

	/* No event may follow one that was lost. */
	if (w->lagged)
		return true;
	switch (subscriptions_format(&w->link.subscriptions, event, out)) {
	case SUBSCRIPTIONS_OK:
		break;
	case SUBSCRIPTIONS_LAGGED:
		w->lagged = true;
		break;
	case SUBSCRIPTIONS_MALFORMED:
		return replies_malformed(w, "event");
	}
	w->lagged = w->lagged || buf_size(&w->deferred_events) > DEFERRED_MAX;
	/* The client must not be sent a part of the events as if it were all. */
	return !buf_failed(out);
}

bool
replies_flush_some(struct worker *w)
{
	return buf_size(&w->client.out) <= OUT_MAX ||
	    client_flush(&w->client) == 0;
}

/* Were events lost?  Then this has told the client, and ended. */
static bool
check_lagged(struct worker *w)
{
	if (w->lagged)
		replies_goodbye(w, STATUS_LAGGED, CLOSE_LAGGED);
	return w->lagged;
}

/* link_next(), which may wait for the registry. */
static enum link_result
await(struct worker *w, struct message *m)
{
	int64_t begin_us = slow_begin(w);
	enum link_result result = link_next(&w->link, m);

	if (result == LINK_REPLY)
		slow_check(w, slow_since(begin_us));
	return result;
}

bool
replies_drain(struct worker *w)
{
	enum link_result result = LINK_NOTHING;
	struct message m;
	bool good = true;

	while (good && (result = await(w, &m)) > LINK_NOTHING) {
		good = result == LINK_EVENT ? replies_take_event(w, &m) :
					      take_reply(w, &m);
		good = good && replies_flush_some(w);
	}
	good = good && !link_lacks_memory(&w->link);
	while (good && result == LINK_FAILED && link_discard(&w->link)) {
		account_status(&w->account,
		    command_number_of(w->link.request.type),
		    STATUS_REGISTRY_UNAVAILABLE);
		format_status(&w->client.out, STATUS_REGISTRY_UNAVAILABLE);
	}
	return good && !check_lagged(w);
}

bool
replies_take_events(struct worker *w)
{
	enum link_result result;
	struct message m;
	bool good = true;

	if (!subscriptions_exist(&w->link.subscriptions))
		return true;
	while (good && (result = link_event(&w->link, &m)) == LINK_EVENT)
		good = replies_take_event(w, &m) && replies_flush_some(w);
	good = good && !link_lacks_memory(&w->link);
	return good && !check_lagged(w);
}

bool
replies_answer(struct worker *w, enum status status)
{
	if (!replies_drain(w))
		return false;
	account_status(&w->account, w->account.current, status);
	format_status(&w->client.out, status);
	return true;
}
