/*
 * protocol_echo: a server that sends back what it receives (RFC 862).  The
 * requests are those of Redis, so that redis-benchmark can be compared.  Runs
 * in kvbench.
 */

#include <string.h>

#include "kvbench/protocol.h"

static void
encode(struct buf *b, const struct workload *workload,
    const struct request *request)
{
	protocol_resp.encode(b, workload, request);
}

/* The stage is how many bytes of the request have come back. */
static enum verdict
take(struct parser *p, const struct request *request)
{
	struct bytes text = p->line.text;
	size_t left;

	if (p->stage == 0) {
		buf_truncate(&p->expected, 0);
		encode(&p->expected, p->workload, request);
	}
	left = buf_size(&p->expected) - p->stage;
	if (text.size + 2 > left ||
	    memcmp(buf_data(&p->expected) + p->stage, text.data, text.size) !=
		0 ||
	    buf_data(&p->expected)[p->stage + text.size] != '\r')
		return VERDICT_WRONG;
	p->stage += text.size + 2;
	return p->stage == buf_size(&p->expected) ? VERDICT_OK : VERDICT_AGAIN;
}

const struct protocol protocol_echo = {
	.name = "echo",
	.port = "7",
	.ops = 1u << OP_GET | 1u << OP_PUT | 1u << OP_DELETE | 1u << OP_PING |
	    1u << OP_ECHO,
	.encode = encode,
	.take = take,
};
