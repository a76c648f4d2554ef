/*
 * protocol_kvd: the protocol of kvd.  Runs in kvbench.
 */

#include "kvbench/keys.h"
#include "kvbench/protocol.h"

/* What has come of a reply. */
enum {
	STAGE_START,
	STAGE_VALUE,
	STAGE_ABSENT,
};

static const char *const verbs[] = {
	[OP_GET] = "GET ",
	[OP_PUT] = "PUT ",
	[OP_DELETE] = "DELETE ",
	[OP_PING] = "PING",
	[OP_ECHO] = "ECHO ",
	[OP_CREATE] = "CREATE ",
};

static void
encode(struct buf *b, const struct workload *workload,
    const struct request *request)
{
	enum op op = request->op;

	buf_append_text(b, verbs[op]);
	if (op != OP_PING && op != OP_ECHO)
		buf_append_text(b, workload->bucket);
	if (op == OP_GET || op == OP_PUT || op == OP_DELETE)
		buf_append_byte(b, ' ');
	if (op != OP_PING && op != OP_CREATE)
		protocol_put_key(b, request->key);
	if (op == OP_PUT) {
		buf_append_byte(b, ' ');
		if (request->size == 0)
			buf_append_text(b, "\"\"");
		protocol_put_value(b, workload, request);
	}
	buf_append(b, "\r\n", 2);
}

/* Takes the data line of a GET or an ECHO. */
static enum verdict
take_data(struct parser *p, const struct request *request)
{
	struct bytes value = p->line.text;
	uint8_t key[KEYS_TEXT_SIZE];
	const struct bytes *words;
	size_t n;

	if (p->stage != STAGE_START ||
	    (request->op != OP_GET && request->op != OP_ECHO))
		return VERDICT_WRONG;
	if (value.size == 0 && request->op == OP_GET) {
		p->stage = STAGE_ABSENT;
		return VERDICT_AGAIN;
	}
	p->stage = STAGE_VALUE;
	if (request->op == OP_ECHO) {
		keys_print(request->key, key);
		return bytes_equal(value, (struct bytes){ key, sizeof(key) }) ?
		    VERDICT_AGAIN :
		    VERDICT_WRONG;
	}
	if (bytes_begin_with(value, bytes_from_text("\""))) {
		if (!reply_words(&p->in, &words, &n) || n != 1)
			return VERDICT_WRONG;
		value = words[0];
	}
	return protocol_check_value(p, request, value) == VERDICT_OK ?
	    VERDICT_AGAIN :
	    VERDICT_WRONG;
}

static enum verdict
take(struct parser *p, const struct request *request)
{
	bool has_data = request->op == OP_GET || request->op == OP_ECHO;

	if (p->kind != REPLY_STATUS)
		return take_data(p, request);
	if (p->line.status != REPLY_OK)
		return p->stage == STAGE_START ? VERDICT_ERROR : VERDICT_WRONG;
	if (has_data && p->stage == STAGE_START)
		return VERDICT_WRONG;
	return p->stage == STAGE_ABSENT ? VERDICT_ABSENT : VERDICT_OK;
}

const struct protocol protocol_kvd = {
	.name = "kvd",
	.port = "4040",
	.ops = 1u << OP_GET | 1u << OP_PUT | 1u << OP_DELETE | 1u << OP_PING |
	    1u << OP_ECHO | 1u << OP_CREATE,
	.encode = encode,
	.take = take,
};
