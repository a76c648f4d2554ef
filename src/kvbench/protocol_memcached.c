/*
 * protocol_memcached: the text protocol of memcached, as doc/protocol.txt of
 * its source describes it.  Runs in kvbench.
 */

#include <string.h>

#include "kvbench/keys.h"
#include "kvbench/protocol.h"

/* What comes next in the reply to a get. */
enum {
	STAGE_START,
	STAGE_END,
	STAGE_VALUE, /* the size of the value is added to it */
};

static const char *const verbs[] = {
	[OP_GET] = "get ",
	[OP_PUT] = "set ",
	[OP_DELETE] = "delete ",
	[OP_PING] = "version",
};

static void
encode(struct buf *b, const struct workload *workload,
    const struct request *request)
{
	buf_append_text(b, verbs[request->op]);
	if (request->op != OP_PING)
		protocol_put_key(b, request->key);
	if (request->op == OP_PUT) {
		buf_append(b, " 0 0 ", 5);
		protocol_put_number(b, request->size);
		buf_append(b, "\r\n", 2);
		protocol_put_value(b, workload, request);
	}
	buf_append(b, "\r\n", 2);
}

/* The reply is "VALUE key 0 size", the value and "END", or only "END". */
static enum verdict
take_get(struct parser *p, const struct request *request)
{
	static const char head[] = "VALUE ", flags[] = " 0 ";
	uint8_t expected[sizeof(head) + KEYS_TEXT_SIZE + sizeof(flags) - 2];
	struct bytes text = p->line.text;
	uint64_t size;

	if (p->stage == STAGE_END)
		return bytes_are(text, "END") ? VERDICT_OK : VERDICT_WRONG;
	if (p->stage >= STAGE_VALUE) {
		if (text.size != p->stage - STAGE_VALUE)
			return VERDICT_WRONG;
		p->stage = STAGE_END;
		return protocol_check_value(p, request, text) == VERDICT_OK ?
		    VERDICT_AGAIN :
		    VERDICT_WRONG;
	}
	if (bytes_are(text, "END"))
		return VERDICT_ABSENT;
	memcpy(expected, head, sizeof(head) - 1);
	keys_print(request->key, expected + sizeof(head) - 1);
	memcpy(expected + sizeof(head) - 1 + KEYS_TEXT_SIZE, flags,
	    sizeof(flags) - 1);
	if (!bytes_begin_with(text,
		(struct bytes){ expected, sizeof(expected) }) ||
	    !protocol_get_number(text, sizeof(expected), &size))
		return VERDICT_WRONG;
	p->stage = STAGE_VALUE + (size_t)size;
	return VERDICT_AGAIN;
}

static enum verdict
take(struct parser *p, const struct request *request)
{
	struct bytes text = p->line.text;

	if (p->stage == STAGE_START &&
	    (bytes_are(text, "ERROR") ||
		bytes_begin_with(text, bytes_from_text("CLIENT_ERROR ")) ||
		bytes_begin_with(text, bytes_from_text("SERVER_ERROR "))))
		return VERDICT_ERROR;
	switch (request->op) {
	case OP_GET:
		return take_get(p, request);
	case OP_PUT:
		return protocol_expect(bytes_are(text, "STORED"));
	case OP_DELETE:
		return bytes_are(text, "NOT_FOUND") ?
		    VERDICT_ABSENT :
		    protocol_expect(bytes_are(text, "DELETED"));
	case OP_PING:
		return protocol_expect(
		    bytes_begin_with(text, bytes_from_text("VERSION ")));
	case OP_ECHO:
	case OP_CREATE:
		break;
	}
	return VERDICT_WRONG;
}

const struct protocol protocol_memcached = {
	.name = "memcached",
	.port = "11211",
	.ops = 1u << OP_GET | 1u << OP_PUT | 1u << OP_DELETE | 1u << OP_PING,
	.encode = encode,
	.take = take,
};
