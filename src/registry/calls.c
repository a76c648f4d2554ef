/*
 * calls: the requests.  Runs in the registry.  To add a command that it
 * answers: a function and a row here, a message type, and a row in
 * proto/command.c.
 */

#include <string.h>

#include "common/number.h"
#include "registry/calls.h"
#include "registry/change.h"
#include "registry/registry.h"

/* A data line of one word. */
static void
reply_word(struct buf *reply, struct bytes word)
{
	message_put_u16(reply, 1);
	message_put_value(reply, word);
}

static void
reply_number(struct buf *reply, int64_t number)
{
	char text[NUMBER_SIZE];

	reply_word(reply, (struct bytes){ text, number_format(number, text) });
}

static void
reply_empty_line(struct buf *reply)
{
	message_put_u16(reply, 0);
}

/* Changes nothing, for this reason. */
static enum store_result
refuse(struct call_context *ctx, enum status status)
{
	ctx->status = status;
	return STORE_OK;
}

static enum store_result
call_ping(struct call_context *ctx, const struct call_args *args)
{
	(void)ctx;
	(void)args;
	return STORE_OK;
}

static enum store_result
call_create(struct call_context *ctx, const struct call_args *args)
{
	return store_create(ctx->view, args->bucket);
}

static enum store_result
call_put(struct call_context *ctx, const struct call_args *args)
{
	return change_put(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key, args->value, 0);
}

static enum store_result
call_get(struct call_context *ctx, const struct call_args *args)
{
	enum store_result result;
	struct store_entry entry;

	result = store_get(ctx->view, args->bucket, args->key, &entry);
	if (result == STORE_OK)
		reply_word(ctx->reply, entry.value);
	if (result != STORE_ABSENT)
		return result;
	reply_empty_line(ctx->reply);
	return STORE_OK;
}

static enum store_result
call_exists(struct call_context *ctx, const struct call_args *args)
{
	struct store_entry entry;

	return store_get(ctx->view, args->bucket, args->key, &entry);
}

static enum store_result
call_delete(struct call_context *ctx, const struct call_args *args)
{
	enum store_result result;

	result = change_delete(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key);
	return result == STORE_ABSENT ? STORE_OK : result;
}

/* An absent key counts as 0, and gets no time to live. */
static enum store_result
call_incr(struct call_context *ctx, const struct call_args *args)
{
	struct store_entry entry = { .expiry_ms = 0 };
	enum store_result result;
	char text[NUMBER_SIZE];
	int64_t number = 0;
	struct bytes value = { text, 0 };

	result = store_get(ctx->view, args->bucket, args->key, &entry);
	if (result == STORE_OK &&
	    number_parse(entry.value, &number) != NUMBER_OK)
		return refuse(ctx, STATUS_VALUE_NOT_A_NUMBER);
	if (result != STORE_OK && result != STORE_ABSENT)
		return result;
	if (__builtin_add_overflow(number, args->number, &number))
		return refuse(ctx, STATUS_OVERFLOW);
	value.size = number_format(number, text);
	reply_number(ctx->reply, number);
	return change_put(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key, value, entry.expiry_ms);
}

static const struct call calls[MESSAGE_REQUEST_END] = {
	[MESSAGE_PING] = { "", false, false, call_ping },
	[MESSAGE_CREATE] = { "b", true, false, call_create },
	[MESSAGE_PUT] = { "bkv", true, false, call_put },
	[MESSAGE_GET] = { "bk", false, false, call_get },
	[MESSAGE_DELETE] = { "bk", true, true, call_delete },
	[MESSAGE_EXISTS] = { "bk", false, false, call_exists },
	[MESSAGE_INCR] = { "bkn", true, false, call_incr },
};

static const enum status statuses[] = {
	[STORE_OK] = STATUS_OK,
	[STORE_NO_BUCKET] = STATUS_NOT_FOUND,
	[STORE_ABSENT] = STATUS_NOT_FOUND,
	[STORE_FULL] = STATUS_STORAGE_FULL,
	[STORE_DAMAGED] = STATUS_DATA_DAMAGED,
};

const struct call *
call_find(uint16_t type)
{
	if (type >= MESSAGE_REQUEST_END || calls[type].args == NULL)
		return NULL;
	return &calls[type];
}

static bool
decode_number(struct bytes *body, int64_t *number)
{
	uint64_t n;

	if (!message_get_u64(body, &n))
		return false;
	*number = (int64_t)n;
	return true;
}

static bool
decode_arg(char kind, struct bytes *body, size_t value_max,
    struct call_args *args)
{
	switch (kind) {
	case 'b':
		return message_get_name(body, &args->bucket) &&
		    args->bucket.size > 0;
	case 'k':
		return message_get_name(body, &args->key) && args->key.size > 0;
	case 'n':
		return decode_number(body, &args->number);
	default:
		return message_get_value(body, &args->value) &&
		    args->value.size <= value_max;
	}
}

bool
call_decode(const struct call *call, struct bytes body, size_t value_max,
    struct call_args *args)
{
	const char *p;

	for (p = call->args; *p != '\0'; p++)
		if (!decode_arg(*p, &body, value_max, args))
			return false;
	return body.size == 0;
}

enum store_result
call_run(const struct call *call, struct registry *r, struct store_view *view,
    const struct call_args *args, uint64_t sequence, struct buf *out)
{
	struct call_context ctx = { r, view, out, STATUS_OK };
	size_t position = message_begin(out, MESSAGE_REPLY, sequence);
	enum store_result result;

	message_put_u8(out, STATUS_OK);
	result = call->run(&ctx, args);
	if (result == STORE_OK && ctx.status == STATUS_OK) {
		message_end(out, position);
		return result;
	}
	buf_truncate(out, position);
	if (result == STORE_FULL || result == STORE_FAILED)
		return result;
	call_reply_status(out, sequence,
	    result == STORE_OK ? ctx.status : statuses[result]);
	return result;
}

void
call_reply_status(struct buf *out, uint64_t sequence, enum status status)
{
	size_t position = message_begin(out, MESSAGE_REPLY, sequence);

	message_put_u8(out, (uint8_t)status);
	message_end(out, position);
}
