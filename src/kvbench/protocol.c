/*
 * protocol: what the protocols have in common.  Runs in kvbench; the input
 * is a server's, and trusted for nothing.
 */

#include <string.h>

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

void
protocol_put_number(struct buf *b, uint64_t n)
{
	uint8_t digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (uint8_t)('0' + n % 10);
	while ((n /= 10) > 0);
	buf_append(b, digits + i, sizeof(digits) - i);
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
	const uint8_t *p = text.data;

	*n = 0;
	/* Ten digits do not overflow, and no value is so long. */
	if (text.size <= skip || text.size > skip + 10)
		return false;
	for (; skip < text.size; skip++) {
		if (p[skip] < '0' || p[skip] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(p[skip] - '0');
	}
	return true;
}

enum verdict
protocol_check_value(const struct parser *p, const struct request *request,
    struct bytes value)
{
	return values_match(&p->workload->values, request->key, value) ?
	    VERDICT_OK :
	    VERDICT_WRONG;
}
