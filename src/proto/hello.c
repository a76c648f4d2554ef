/*
 * hello: how a worker introduces itself.  Runs in the worker, which writes it,
 * and in the registry, which reads it and trusts nothing in it.
 */

#include "proto/hello.h"
#include "proto/schema.h"

void
hello_put(struct buf *b, const struct hello *h)
{
	struct fields f = { .version = MESSAGE_VERSION,
		.session = h->session,
		.seen = h->seen,
		.told = h->told,
		.rest = h->buckets };

	schema_put(b, MESSAGE_HELLO, 0, &f);
}

enum hello_result
hello_get(const struct message *m, struct hello *h)
{
	struct bytes body = m->body;
	struct fields f;
	uint16_t version;

	if (m->type != MESSAGE_HELLO || !message_get_u16(&body, &version))
		return HELLO_MALFORMED;
	/* It is the first field in all versions of the message. */
	if (version != MESSAGE_VERSION)
		return HELLO_OTHER_VERSION;
	if (!schema_get(schema_find(m->type), m->body, 0, &f))
		return HELLO_MALFORMED;
	*h = (struct hello){ f.session, f.seen, f.told, f.rest };
	return HELLO_OK;
}

void
hello_put_bucket(struct buf *b, const struct hello_bucket *bucket)
{
	message_put_name(b, bucket->name);
	message_put_u64(b, bucket->id);
	message_put_name(b, bucket->prefix);
	message_put_u64(b, bucket->after);
	message_put_u8(b, bucket->tells_revision);
}

bool
hello_next_bucket(struct bytes *buckets, struct hello_bucket *bucket)
{
	struct bytes rest = *buckets;
	uint8_t flag;

	if (!message_get_name(&rest, &bucket->name) ||
	    !message_get_u64(&rest, &bucket->id) ||
	    !message_get_name(&rest, &bucket->prefix) ||
	    !message_get_u64(&rest, &bucket->after) ||
	    !message_get_u8(&rest, &flag))
		return false;
	bucket->tells_revision = flag != 0;
	*buckets = rest;
	return true;
}
