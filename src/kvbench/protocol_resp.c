/*
 * protocol_resp: the Redis protocol, version 2.  Runs in kvbench.
 * https://redis.io/docs/reference/protocol-spec/
 */

#include "kvbench/keys.h"
#include "kvbench/protocol.h"

static const char *const heads[] = {
	[OP_GET] = "*2\r\n$3\r\nGET\r\n",
	[OP_PUT] = "*3\r\n$3\r\nSET\r\n",
	[OP_DELETE] = "*2\r\n$3\r\nDEL\r\n",
	[OP_PING] = "*1\r\n$4\r\nPING\r\n",
	[OP_ECHO] = "*2\r\n$4\r\nECHO\r\n",
};

static void
encode(struct buf *b, const struct workload *workload,
    const struct request *request)
{
	buf_append_text(b, heads[request->op]);
	if (request->op == OP_PING)
		return;
	buf_append(b, "$16\r\n", 5);
	protocol_put_key(b, request->key);
	buf_append(b, "\r\n", 2);
	if (request->op != OP_PUT)
		return;
	buf_append_byte(b, '$');
	protocol_put_number(b, request->size);
	buf_append(b, "\r\n", 2);
	protocol_put_value(b, workload, request);
	buf_append(b, "\r\n", 2);
}

/* The reply is a line such as "$16" and then the value, or the line "$-1".  The
 * stage is 1 + the size of the value. */
static enum verdict
take_bulk(struct parser *p, const struct request *request)
{
	struct bytes text = p->line.text;
	uint8_t key[KEYS_TEXT_SIZE];
	uint64_t size;

	if (p->stage == 0) {
		if (request->op == OP_GET && bytes_are(text, "$-1"))
			return VERDICT_ABSENT;
		if (!bytes_begin_with(text, bytes_from_text("$")) ||
		    !protocol_get_number(text, 1, &size))
			return VERDICT_WRONG;
		p->stage = (size_t)size + 1;
		return VERDICT_AGAIN;
	}
	if (text.size != p->stage - 1)
		return VERDICT_WRONG;
	if (request->op == OP_GET)
		return protocol_check_value(p, request, text);
	keys_print(request->key, key);
	return protocol_expect(
	    bytes_equal(text, (struct bytes){ key, sizeof(key) }));
}

static enum verdict
take(struct parser *p, const struct request *request)
{
	struct bytes text = p->line.text;

	if (p->stage == 0 && bytes_begin_with(text, bytes_from_text("-")))
		return VERDICT_ERROR;
	switch (request->op) {
	case OP_PUT:
		return protocol_expect(bytes_are(text, "+OK"));
	case OP_DELETE:
		return bytes_are(text, ":0") ?
		    VERDICT_ABSENT :
		    protocol_expect(bytes_are(text, ":1"));
	case OP_PING:
		return protocol_expect(bytes_are(text, "+PONG"));
	case OP_GET:
	case OP_ECHO:
		return take_bulk(p, request);
	case OP_CREATE:
		break;
	}
	return VERDICT_WRONG;
}

const struct protocol protocol_resp = {
	.name = "resp",
	.port = "6379",
	.ops = 1u << OP_GET | 1u << OP_PUT | 1u << OP_DELETE | 1u << OP_PING |
	    1u << OP_ECHO,
	.encode = encode,
	.take = take,
};
