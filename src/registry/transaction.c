/*
 * transaction: executes queued requests, all or nothing.  Runs in the registry.
 * Others see nothing of the batch before it is committed, and a savepoint takes
 * back what a failed transaction has done.
 */

#include "proto/answer.h"
#include "registry/change.h"
#include "registry/state.h"
#include "registry/transaction.h"

/*
 * A transaction begins anew in each turn, and each time remembers how far it has
 * come with some of its queues only (store/store_head.c).  So it may be given
 * more in a turn, but only this much: some hundredths of a second's work.
 */
#define SCAN_SHIFT_MAX 2

/* Takes the first request off.  NULL: it is malformed. */
static const struct schema *
next_request(struct bytes *requests, struct message *m)
{
	if (message_get(requests->data, requests->size, requests->size, m) != 1)
		return NULL;
	requests->data = (const uint8_t *)requests->data + m->frame_size;
	requests->size -= m->frame_size;
	return schema_find(m->type);
}

/* For how many requests it counts. */
static size_t
count_requests(uint16_t type, const struct fields *args)
{
	struct bytes keys = args->rest, key;
	size_t n = 0;

	if (type != MESSAGE_GET_KEYS)
		return 1;
	while (schema_next_name(&keys, &key))
		n++;
	return n;
}

bool
transaction_check(struct bytes requests, size_t value_max)
{
	const struct schema *schema;
	struct fields args;
	struct message m;
	size_t n = 0;

	while (requests.size > 0) {
		schema = next_request(&requests, &m);
		if (schema == NULL || !(schema->flags & SCHEMA_QUEUED) ||
		    !schema_get(schema, m.body, value_max, &args))
			return false;
		n += count_requests(m.type, &args);
		if (n > MESSAGE_TRANSACTION_REQUESTS)
			return false;
	}
	return true;
}

unsigned int
transaction_flags(struct bytes requests)
{
	const struct schema *schema;
	unsigned int flags = 0;
	struct message m;

	while (
	    requests.size > 0 && (schema = next_request(&requests, &m)) != NULL)
		flags |= schema->flags;
	return flags;
}

size_t
transaction_reply_max(size_t value_max)
{
	return CALL_REPLY_MAX + value_max;
}

bool
transaction_next_count(struct bytes *requests, struct bytes *bucket)
{
	const struct schema *schema;
	struct fields args;
	struct message m;

	while (requests->size > 0) {
		schema = next_request(requests, &m);
		if (m.type != MESSAGE_COUNT)
			continue;
		/* Checked; it has no value. */
		(void)schema_get(schema, m.body, 0, &args);
		*bucket = args.bucket;
		return true;
	}
	return false;
}

bool
transaction_frees(struct bytes requests)
{
	const struct schema *schema;
	struct message m;

	while (
	    requests.size > 0 && (schema = next_request(&requests, &m)) != NULL)
		if ((schema->flags & SCHEMA_WRITES) &&
		    !(schema->flags & SCHEMA_FREES))
			return false;
	return true;
}

/* An absent key is no failure; every other result but STORE_OK is one. */
static enum store_result
run_next(struct call_context *ctx, struct bytes *requests, size_t value_max)
{
	struct message m;
	const struct schema *schema = next_request(requests, &m);
	enum store_result result;
	struct fields args;

	(void)schema_get(schema, m.body, value_max, &args); /* checked */
	result = call_find(m.type)(ctx, &args);
	if (ctx->status != STATUS_OK ||
	    (result != STORE_OK && result != STORE_ABSENT))
		return result;
	answer_put_status_line(ctx->reply,
	    result == STORE_OK ? STATUS_OK : STATUS_NOT_FOUND);
	return STORE_OK;
}

static enum store_result
run_all(struct call_context *ctx, struct bytes requests, size_t value_max)
{
	size_t reply_max =
	    buf_size(ctx->reply) + transaction_reply_max(value_max);
	enum store_result result = STORE_OK;

	while (result == STORE_OK && ctx->status == STATUS_OK &&
	    requests.size > 0) {
		result = run_next(ctx, &requests, value_max);
		if (buf_size(ctx->reply) > reply_max ||
		    ctx->read > CALL_READ_MAX + value_max)
			ctx->status = STATUS_TRANSACTION_TOO_LARGE;
	}
	return result;
}

static enum store_result
run_writes(struct call_context *ctx, struct bytes requests)
{
	struct registry *r = ctx->registry;
	size_t mark = change_mark(&r->changes);
	enum store_result result;

	store_save(r->store);
	result = run_all(ctx, requests, (size_t)r->config->max_value);
	/* It goes past more than many turns can. */
	if (result == STORE_AGAIN && r->turn.scan_shift == SCAN_SHIFT_MAX)
		result = STORE_TOO_LARGE;
	if (result == STORE_TOO_LARGE) {
		ctx->status = STATUS_TRANSACTION_TOO_LARGE;
		result = STORE_OK;
	}
	if (result == STORE_OK && ctx->status == STATUS_OK) {
		store_keep(r->store);
		return STORE_OK;
	}
	/* With these two results the caller aborts the whole batch. */
	if (result != STORE_FULL && result != STORE_FAILED) {
		store_undo(r->store);
		change_undo(&r->changes, mark);
	}
	return result;
}

enum store_result
transaction_run(struct call_context *ctx, const struct fields *args)
{
	struct bytes requests = args->rest;

	if (transaction_flags(requests) & SCHEMA_WRITES)
		return run_writes(ctx, requests);
	return run_all(ctx, requests, (size_t)ctx->registry->config->max_value);
}
