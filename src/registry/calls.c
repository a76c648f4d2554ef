/*
 * calls: the requests.  Runs in the registry.  To add a command that it
 * answers: a function and a row here, a message type, and a row in
 * proto/command.c.
 */

#include <string.h>

#include "registry/calls.h"

static enum store_result
call_ping(struct store_view *view, const struct call_args *args,
    struct buf *reply)
{
	(void)view;
	(void)args;
	(void)reply;
	return STORE_OK;
}

static enum store_result
call_create(struct store_view *view, const struct call_args *args,
    struct buf *reply)
{
	(void)reply;
	return store_create(view, args->bucket);
}

static enum store_result
call_put(struct store_view *view, const struct call_args *args,
    struct buf *reply)
{
	(void)reply;
	return store_put(view, args->bucket, args->key, args->value, 0);
}

static enum store_result
call_get(struct store_view *view, const struct call_args *args,
    struct buf *reply)
{
	enum store_result result;
	struct store_entry entry;

	result = store_get(view, args->bucket, args->key, &entry);
	if (result == STORE_OK) {
		message_put_u16(reply, 1);
		message_put_value(reply, entry.value);
	} else if (result == STORE_ABSENT) {
		message_put_u16(reply, 0); /* an empty line */
		result = STORE_OK;
	}
	return result;
}

static enum store_result
call_exists(struct store_view *view, const struct call_args *args,
    struct buf *reply)
{
	struct store_entry entry;

	(void)reply;
	return store_get(view, args->bucket, args->key, &entry);
}

static enum store_result
call_delete(struct store_view *view, const struct call_args *args,
    struct buf *reply)
{
	enum store_result result;

	(void)reply;
	result = store_delete(view, args->bucket, args->key);
	return result == STORE_ABSENT ? STORE_OK : result;
}

static const struct call calls[MESSAGE_REQUEST_END] = {
	[MESSAGE_PING] = { "", false, false, call_ping },
	[MESSAGE_CREATE] = { "b", true, false, call_create },
	[MESSAGE_PUT] = { "bkv", true, false, call_put },
	[MESSAGE_GET] = { "bk", false, false, call_get },
	[MESSAGE_DELETE] = { "bk", true, true, call_delete },
	[MESSAGE_EXISTS] = { "bk", false, false, call_exists },
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
decode_arg(char kind, struct bytes *body, size_t value_max,
    struct call_args *args)
{
	switch (kind) {
	case 'b':
		return message_get_name(body, &args->bucket) &&
		    args->bucket.size > 0;
	case 'k':
		return message_get_name(body, &args->key) && args->key.size > 0;
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
call_run(const struct call *call, struct store_view *view,
    const struct call_args *args, uint64_t sequence, struct buf *out)
{
	size_t position = message_begin(out, MESSAGE_REPLY, sequence);
	enum store_result result;

	message_put_u8(out, STATUS_OK);
	result = call->run(view, args, out);
	if (result == STORE_OK) {
		message_end(out, position);
		return result;
	}
	buf_truncate(out, position);
	if (result != STORE_FULL && result != STORE_FAILED)
		call_reply_status(out, sequence, statuses[result]);
	return result;
}

void
call_reply_status(struct buf *out, uint64_t sequence, enum status status)
{
	size_t position = message_begin(out, MESSAGE_REPLY, sequence);

	message_put_u8(out, (uint8_t)status);
	message_end(out, position);
}
