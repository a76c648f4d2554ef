/*
 * transaction: all or nothing.  Runs in the registry.  Others see nothing of
 * the batch before it is committed; a savepoint takes back what a transaction
 * has done when it fails.
 */

#include "registry/change.h"
#include "registry/registry.h"
#include "registry/transaction.h"

/* Of the replies together, besides a value: they are stored with the commit,
 * and kept until the worker has them. */
#define REPLY_ROOM ((size_t)1 << 20)

/* Takes the first request off. */
static const struct call *
next_call(struct bytes *requests, struct message *m)
{
	if (message_get(requests->data, requests->size, requests->size, m) != 1)
		return NULL;
	requests->data = (const uint8_t *)requests->data + m->frame_size;
	requests->size -= m->frame_size;
	return call_find(m->type);
}

bool
transaction_check(struct bytes requests, size_t value_max)
{
	const struct call *call;
	struct call_args args;
	struct message m;
	size_t n;

	for (n = 0; requests.size > 0; n++) {
		if (n == MESSAGE_TRANSACTION_REQUESTS)
			return false;
		call = next_call(&requests, &m);
		if (call == NULL || call->alone ||
		    !call_decode(call, m.body, value_max, &args))
			return false;
	}
	return true;
}

bool
transaction_frees(struct bytes requests)
{
	const struct call *call;
	struct message m;

	while (requests.size > 0 && (call = next_call(&requests, &m)) != NULL)
		if (call->writes && !call->frees)
			return false;
	return true;
}

/* An absent key is a reply like others; all else that is not OK is not. */
static enum store_result
run_next(struct call_context *ctx, struct bytes *requests, size_t value_max)
{
	enum store_result result;
	const struct call *call;
	struct call_args args;
	struct message m;

	call = next_call(requests, &m);
	(void)call_decode(call, m.body, value_max, &args); /* checked */
	result = call->run(ctx, &args);
	if (ctx->status != STATUS_OK ||
	    (result != STORE_OK && result != STORE_ABSENT))
		return result;
	message_put_status_line(ctx->reply,
	    result == STORE_OK ? STATUS_OK : STATUS_NOT_FOUND);
	return STORE_OK;
}

static enum store_result
run_all(struct call_context *ctx, struct bytes requests, size_t value_max)
{
	size_t reply_max = buf_size(ctx->reply) + REPLY_ROOM + value_max;
	enum store_result result = STORE_OK;

	while (result == STORE_OK && ctx->status == STATUS_OK &&
	    requests.size > 0) {
		result = run_next(ctx, &requests, value_max);
		if (buf_size(ctx->reply) > reply_max)
			ctx->status = STATUS_TRANSACTION_TOO_LARGE;
	}
	return result;
}

static enum store_result
run(struct call_context *ctx, const struct call_args *args)
{
	struct registry *r = ctx->registry;
	size_t mark = change_mark(&r->changes);
	enum store_result result;

	if ((result = store_save(r->store)) != STORE_OK)
		return result;
	result = run_all(ctx, args->requests, (size_t)r->config->max_value);
	if (result == STORE_OK && ctx->status == STATUS_OK)
		return store_keep(r->store);
	/* With no room the whole batch goes. */
	if (result != STORE_FULL && result != STORE_FAILED) {
		store_undo(r->store);
		change_undo(&r->changes, mark);
	}
	return result;
}

const struct call transaction_call = { .args = "",
	.writes = true,
	.run = run,
	.alone = true };
