/*
 * request: executes the client's requests.  Runs in the worker; the words are
 * hostile.
 */

#include <string.h>

#include "proto/command.h"
#include "proto/format.h"
#include "proto/listing.h"
#include "worker/replies.h"
#include "worker/request.h"
#include "worker/slow.h"

static enum status
help(struct worker *w, const struct bytes *words, size_t n)
{
	struct bytes all = { "", 0 };

	if (n > 1 && !command_exists(words[1]))
		return STATUS_UNKNOWN_COMMAND;
	command_help(n > 1 ? words[1] : all, &w->client.out);
	return STATUS_OK;
}

/* The registry answers for all queued requests, if there are any. */
static bool
commit(struct worker *w)
{
	if (!w->queue.open)
		return replies_answer(w, STATUS_NO_TRANSACTION);
	if (w->queue.n == 0) {
		queue_close(&w->queue);
		return replies_answer(w, STATUS_OK);
	}
	queue_send(&w->queue, link_next_sequence(&w->link), &w->link.pending);
	return !buf_failed(&w->link.pending);
}

static bool
run_local(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	enum status status = STATUS_OK;

	if (command->local == COMMAND_COMMIT)
		return commit(w);
	if (!replies_drain(w))
		return false;
	switch (command->local) {
	case COMMAND_ECHO:
		format_line(&w->client.out, words + 1, n - 1);
		break;
	case COMMAND_HELP:
		status = help(w, words, n);
		break;
	case COMMAND_BEGIN:
		w->queue.open = true;
		break;
	case COMMAND_ABORT:
		if (!w->queue.open)
			status = STATUS_NO_TRANSACTION;
		queue_close(&w->queue);
		break;
	default: /* QUIT */
		account_reason(&w->account, CLOSE_QUIT);
		w->closing = true;
	}
	account_status(&w->account, w->account.current, status);
	format_status(&w->client.out, status);
	return true;
}

/* While a transaction is open. */
static bool
run_queued(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	enum status status;

	switch (command->local) {
	case COMMAND_COMMIT:
	case COMMAND_ABORT:
	case COMMAND_QUIT:
		return run_local(w, command, words, n);
	case COMMAND_BEGIN:
		return replies_answer(w, STATUS_IN_TRANSACTION);
	default:
		status = !command_is_queued(command) ?
		    STATUS_CANNOT_BE_QUEUED :
		    queue_add(&w->queue, command, words, n,
			(size_t)w->config->max_value);
		return replies_answer(w, status) &&
		    !buf_failed(&w->queue.requests);
	}
}

/* Asks for the next page and formats it, and the events that come before it.
 * False: this client is not to be served any more. */
static bool
run_page(struct worker *w, struct listing *listing, enum listing_result *result,
    int64_t *waited_us)
{
	int64_t begin_us = slow_begin(w);
	enum link_result got;
	struct message m;

	listing_put(listing, link_next_sequence(&w->link), &w->link.pending);
	while ((got = link_next(&w->link, &m)) == LINK_EVENT)
		if (!replies_take_event(w, &m))
			return false;
	*waited_us += slow_since(begin_us);
	if (got == LINK_REPLY) {
		*result = listing_format(listing, m.body, &w->client.out);
		return *result != LISTING_MALFORMED ||
		    replies_malformed(w, "page");
	}
	if (link_lacks_memory(&w->link))
		return false;
	(void)link_discard(&w->link);
	listing->status = STATUS_REGISTRY_UNAVAILABLE;
	format_status(&w->client.out, listing->status);
	*result = LISTING_END;
	return true;
}

static bool
run_listing(struct worker *w, enum list_kind kind, const struct bytes *words,
    size_t n)
{
	enum listing_result result = LISTING_MORE;
	struct listing listing;
	enum status status;
	int64_t waited_us = 0;

	status = listing_parse(&listing, kind, words, n);
	if (status != STATUS_OK)
		return replies_answer(w, status);
	if (!replies_drain(w))
		return false;
	w->in_listing = true;
	w->account.activity->listing_ms = w->account.read_us / 1000;
	while (result == LISTING_MORE)
		if (!run_page(w, &listing, &result, &waited_us) ||
		    client_flush(&w->client) == -1)
			return false;
	w->in_listing = false;
	w->account.activity->listing_ms = 0;
	account_status(&w->account, w->account.current, listing.status);
	slow_check_listing(w, listing.bucket, waited_us);
	buf_append(&w->client.out, buf_data(&w->deferred_events),
	    buf_size(&w->deferred_events));
	buf_clear(&w->deferred_events);
	return true;
}

static bool
run_remote(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	enum status status;

	status = command_encode(command, words, n, (size_t)w->config->max_value,
	    link_next_sequence(&w->link), &w->link.pending);
	if (status != STATUS_OK)
		return replies_answer(w, status);
	/* Without memory only a part of the request was appended, which must
	 * not be sent. */
	return !buf_failed(&w->link.pending);
}

bool
request_run(struct worker *w, const struct bytes *words, size_t n)
{
	const struct command *command;

	command = command_find(words, n);
	account_command(&w->account,
	    command == NULL ? COUNTERS_NO_COMMAND : command_number(command));
	if (command == NULL)
		return replies_answer(w, STATUS_UNKNOWN_COMMAND);
	memcpy(w->account.activity->command, command->name,
	    strlen(command->name) + 1);
	if (w->queue.open)
		return run_queued(w, command, words, n);
	switch (command->local) {
	case COMMAND_REMOTE:
		return local_answer(w, command, words, n) ?
		    replies_flush_some(w) :
		    run_remote(w, command, words, n);
	case COMMAND_BUCKETS:
		return run_listing(w, LIST_BUCKETS, words, n);
	case COMMAND_KEYS:
		return run_listing(w, LIST_KEYS, words, n);
	case COMMAND_ENTRIES:
		return run_listing(w, LIST_ENTRIES, words, n);
	default:
		return run_local(w, command, words, n);
	}
}
