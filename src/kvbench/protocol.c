/*
 * protocol: what the protocols share.  Runs in kvbench.  The replies of the
 * server are not trusted.
 */

#include <string.h>

#include "common/number.h"
#include "kvbench/keys.h"
#include "kvbench/protocol.h"

static const struct protocol *const protocols[] = {
	&protocol_kvd,
	&protocol_resp,
	&protocol_memcached,
	&protocol_echo,
};

const struct protocol *
protocol_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i]->name, name) == 0)
			return protocols[i];
	return NULL;
}

void
parser_init(struct parser *p, const struct workload *workload)
{
	memset(p, 0, sizeof(*p));
	p->workload = workload;
	reply_init(&p->in, REPLY_LINE_MAX(workload->values.max));
	buf_init(&p->expected);
}

void
parser_clear(struct parser *p)
{
	reply_clear(&p->in);
	buf_clear(&p->expected);
}

void
parser_reset(struct parser *p)
{
	reply_reset(&p->in);
	p->stage = 0;
}

enum verdict
parser_next(struct parser *p, const struct request *request)
{
	enum verdict verdict = VERDICT_AGAIN;

	while (verdict == VERDICT_AGAIN) {
		p->kind = reply_next(&p->in, &p->line);
		if (p->kind == REPLY_AGAIN)
			return VERDICT_AGAIN;
		if (p->kind < REPLY_AGAIN) {
			static const char what[] = "(no line)";

			p->line.text = (struct bytes){ what, sizeof(what) - 1 };
			return VERDICT_WRONG;
		}
		verdict = p->workload->protocol->take(p, request);
	}
	p->stage = 0;
	return verdict;
}

enum verdict
protocol_expect(bool right)
{
	return right ? VERDICT_OK : VERDICT_WRONG;
}

void
protocol_put_number(struct buf *b, uint64_t n)
{
	char text[NUMBER_SIZE];

	buf_append(b, text, number_format((int64_t)n, text));
}

void
protocol_put_key(struct buf *b, uint64_t key)
{
	uint8_t *to = buf_reserve(b, KEYS_TEXT_SIZE);

	if (to == NULL)
		return;
	keys_print(key, to);
	buf_commit(b, KEYS_TEXT_SIZE);
}

void
protocol_put_value(struct buf *b, const struct workload *workload,
    const struct request *request)
{
	struct bytes value =
	    values_get(&workload->values, request->key, request->size);

	buf_append(b, value.data, value.size);
}

bool
protocol_get_number(struct bytes text, size_t skip, uint64_t *n)
{
	struct bytes digits = { (const char *)text.data + skip,
		text.size - skip };
	int64_t number;

	/* No value is so long that its size has more than ten digits. */
	if (digits.size > 10 || number_parse(digits, &number) != NUMBER_OK ||
	    number < 0)
		return false;
	*n = (uint64_t)number;
	return true;
}

enum verdict
protocol_check_value(const struct parser *p, const struct request *request,
    struct bytes value)
{
	return protocol_expect(
	    values_match(&p->workload->values, request->key, value));
}
