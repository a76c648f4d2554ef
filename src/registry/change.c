/*
 * change: changes entries, and notes it.  Runs in the registry.
 */

#include "proto/message.h"
#include "registry/change.h"

static const struct bytes nothing = { "", 0 };

static void
note(struct changes *c, enum change_type type, struct bytes bucket,
    struct bytes key, struct bytes value)
{
	if (!c->wanted)
		return;
	message_put_u8(&c->noted, (uint8_t)type);
	message_put_name(&c->noted, bucket);
	message_put_name(&c->noted, key);
	message_put_value(&c->noted, value);
}

enum store_result
change_put(struct changes *c, struct store_view *view, struct bytes bucket,
    struct bytes key, struct bytes value, int64_t expiry_ms)
{
	enum store_result result;

	result = store_put(view, bucket, key, value, expiry_ms);
	if (result == STORE_OK)
		note(c, CHANGE_SET, bucket, key, value);
	return result;
}

enum store_result
change_delete(struct changes *c, struct store_view *view, struct bytes bucket,
    struct bytes key)
{
	enum store_result result = store_delete(view, bucket, key);

	if (result == STORE_OK)
		note(c, CHANGE_DELETED, bucket, key, nothing);
	return result;
}

enum store_result
change_drop(struct changes *c, struct store_view *view, struct bytes bucket)
{
	enum store_result result = store_drop(view, bucket);

	if (result == STORE_OK)
		note(c, CHANGE_DROPPED, bucket, nothing, nothing);
	return result;
}

static void
note_expired(void *arg, struct bytes bucket, struct bytes key)
{
	struct changes *c = arg;

	c->expired++;
	note(c, CHANGE_DELETED, bucket, key, nothing);
}

enum store_result
change_expire(struct changes *c, struct store_view *view, size_t max,
    bool *more)
{
	return store_expire(view, max, note_expired, c, more);
}

void
change_clear(struct changes *c)
{
	buf_clear(&c->noted);
}

size_t
change_mark(const struct changes *c)
{
	return buf_size(&c->noted);
}

void
change_undo(struct changes *c, size_t mark)
{
	buf_truncate(&c->noted, mark);
}

bool
change_failed(const struct changes *c)
{
	return buf_failed(&c->noted);
}

bool
change_next(struct bytes *noted, struct change *change)
{
	uint8_t type;

	if (!message_get_u8(noted, &type) ||
	    !message_get_name(noted, &change->bucket) ||
	    !message_get_name(noted, &change->key) ||
	    !message_get_value(noted, &change->value))
		return false;
	change->type = (enum change_type)type;
	return true;
}
