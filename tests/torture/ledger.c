/*
 * ledger: see ledger.h.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torture/ledger.h"

/* Most values are short; a few are longer than one read of a worker. */
#define LONG_ONE_IN 64
#define LONG_SIZE 3000
#define HUGE_ONE_IN 512
#define HUGE_SIZE 20000
#define SHORT_SIZE 24
/* The most entries of a queue. */
#define QUEUE_MAX 20

void
ledger_init(struct ledger *l, struct report *report, unsigned int client,
    const struct options *o)
{
	memset(l, 0, sizeof(*l));
	l->report = report;
	l->client = client;
	l->keys = o->keys;
	dice_init(&l->dice, o->seed, 1000 + client);
}

unsigned int
ledger_room(const struct ledger *l)
{
	return LEDGER_OPS_MAX - l->count;
}

static struct op *
op_at(struct ledger *l, unsigned int i)
{
	return &l->ops[(l->first + i) % LEDGER_OPS_MAX];
}

static void
note(struct ledger *l, enum op_kind kind, unsigned int key, uint64_t version)
{
	*op_at(l, l->count++) = (struct op){ kind, key, version };
}

/* The number of bytes behind the numbers in a value, made of its version. */
static size_t
padding(uint64_t version)
{
	uint64_t x = dice_mix(version);

	if (x % HUGE_ONE_IN == 1)
		return HUGE_SIZE + (x >> 32) % HUGE_SIZE;
	if (x % LONG_ONE_IN == 0)
		return (x >> 32) % LONG_SIZE;
	return (x >> 32) % SHORT_SIZE;
}

__attribute__((format(printf, 2, 3))) static void
add(struct buf *out, const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_append_text(out, text);
}

static void
ask_put(struct ledger *l, unsigned int key, struct buf *out)
{
	uint64_t version = ++l->versions;
	size_t size = padding(version);
	uint8_t *to;

	l->key[key].sent = version;
	note(l, OP_PUT, key, version);
	add(out, "PUT " LEDGER_BUCKET " %u.%u ", l->client, key);
	add(out, "%u.%u.%" PRIu64 ".", l->client, key, version);
	if ((to = buf_reserve(out, size)) != NULL) {
		memset(to, 'x', size);
		buf_commit(out, size);
	}
	buf_append_text(out, "\n");
}

static void
ask_get(struct ledger *l, enum op_kind kind, unsigned int key, struct buf *out)
{
	note(l, kind, key, l->key[key].sent);
	add(out, "GET " LEDGER_BUCKET " %u.%u\n", l->client, key);
}

static void
ask_incr(struct ledger *l, struct buf *out)
{
	note(l, OP_INCR, 0, ++l->counter.sent);
	add(out, "INCR " LEDGER_BUCKET " %u.n\n", l->client);
}

static void
ask_push(struct ledger *l, struct buf *out)
{
	uint64_t n = ++l->tail.sent;

	note(l, OP_PUSH, 0, n);
	add(out, "PUT " LEDGER_QUEUES " q%u.%010" PRIu64 " %" PRIu64 "\n",
	    l->client, n, n);
}

static void
ask_pop(struct ledger *l, struct buf *out)
{
	note(l, OP_POP, 0, ++l->head.sent);
	add(out, "POP " LEDGER_QUEUES " PREFIX q%u.\n", l->client);
}

/* What is not popped yet stays in order, and not empty. */
static void
ask_queue(struct ledger *l, struct buf *out)
{
	uint64_t size = l->tail.sent - l->head.sent;

	if (size < 2 || (size < QUEUE_MAX && dice_hit(&l->dice, 2)))
		ask_push(l, out);
	else
		ask_pop(l, out);
}

void
ledger_ask(struct ledger *l, struct buf *out)
{
	unsigned int key = dice_below(&l->dice, l->keys);
	unsigned int what = dice_below(&l->dice, 10);

	if (what < 4)
		ask_put(l, key, out);
	else if (what < 7)
		ask_get(l, OP_GET, key, out);
	else if (what < 8)
		ask_incr(l, out);
	else
		ask_queue(l, out);
}

/* From the entry that was popped last to the one behind the last: neither is to
 * be there. */
static uint64_t
probed_entries(const struct ledger *l)
{
	return l->tail.sent - l->head.acked + 2;
}

static void
ask_probe_queue(struct ledger *l, struct buf *out)
{
	uint64_t i, n = probed_entries(l);

	l->head.probed = l->tail.probed = 0;
	note(l, OP_PROBE_QUEUE, 0, 0);
	add(out, "GET " LEDGER_QUEUES);
	for (i = 0; i < n; i++)
		add(out, " q%u.%010" PRIu64, l->client, l->head.acked + i);
	buf_append_text(out, "\n");
}

void
ledger_ask_probes(struct ledger *l, struct buf *out)
{
	unsigned int key;

	for (key = 0; key < l->keys; key++)
		ask_get(l, OP_PROBE, key, out);
	ask_probe_queue(l, out);
	note(l, OP_PROBE_COUNTER, 0, 0);
	add(out, "GET " LEDGER_BUCKET " %u.n\n", l->client);
}

void
ledger_ask_quit(struct ledger *l, struct buf *out)
{
	note(l, OP_QUIT, 0, 0);
	buf_append_text(out, "QUIT\n");
}

/* Judging */

static void
fail(struct ledger *l, uint64_t *count, const struct op *op, uint64_t got,
    uint64_t wanted)
{
	static const char *const texts[] = {
		[OP_GET] = "GET of key",
		[OP_INCR] = "INCR, key",
		[OP_POP] = "POP, entry",
		[OP_PROBE] = "after connecting again, key",
		[OP_PROBE_QUEUE] = "after connecting again, queue",
		[OP_PROBE_COUNTER] = "after connecting again, counter, key",
	};
	const char *name = "wrong";

	if (count == &l->report->lost)
		name = "lost";
	else if (count == &l->report->duplicated)
		name = "duplicated, or before its time";
	report_failure(l->report, count,
	    "client %u: %s: %s %u says %" PRIu64 ", not %" PRIu64, l->client,
	    name, texts[op->kind], op->key, got, wanted);
}

static void
compare(struct ledger *l, const struct op *op, uint64_t got)
{
	if (got < op->version)
		fail(l, &l->report->lost, op, got, op->version);
	else if (got > op->version)
		fail(l, &l->report->duplicated, op, got, op->version);
}

bool
ledger_read_key(const struct ledger *l, unsigned int key, const char *line,
    size_t size, uint64_t *version)
{
	char start[64];
	char *end;
	size_t n, i;

	*version = 0;
	if (size == 0)
		return true;
	n = (size_t)snprintf(start, sizeof(start), "%u.%u.", l->client, key);
	if (size <= n || memcmp(line, start, n) != 0)
		return false;
	*version = strtoull(line + n, &end, 10);
	n = (size_t)(end - line) + 1;
	if (*end != '.' || *version == 0 || *version > l->versions ||
	    size != n + padding(*version))
		return false;
	for (i = n; i < size; i++)
		if (line[i] != 'x')
			return false;
	return true;
}

bool
ledger_read_counter(const char *line, size_t size, uint64_t *n)
{
	char *end;

	*n = 0;
	if (size == 0)
		return true;
	*n = strtoull(line, &end, 10);
	return end == line + size;
}

/* "q12.0000000003 3" is entry 3 of client 12. */
static bool
read_entry(const struct ledger *l, const char *line, size_t size, uint64_t *n)
{
	char start[32];
	size_t prefix;

	prefix = (size_t)snprintf(start, sizeof(start), "q%u.", l->client);
	if (size <= prefix + 11 || memcmp(line, start, prefix) != 0 ||
	    !ledger_read_counter(line + prefix + 11, size - prefix - 11, n))
		return false;
	return strtoull(line + prefix, NULL, 10) == *n;
}

/* A line of the reply to OP_PROBE_QUEUE: the entry of this number, or none. */
static bool
take_probed(struct ledger *l, uint64_t number, uint64_t got)
{
	if (got == 0)
		return true;
	if (l->tail.probed == 0)
		l->head.probed = number - 1;
	else if (l->tail.probed != number - 1)
		return false;
	l->tail.probed = number;
	return got == number;
}

static bool
read_data(const struct ledger *l, const struct op *op, const char *line,
    size_t size, uint64_t *got)
{
	switch (op->kind) {
	case OP_GET:
	case OP_PROBE:
		return ledger_read_key(l, op->key, line, size, got);
	case OP_POP:
		return read_entry(l, line, size, got);
	default:
		return ledger_read_counter(line, size, got);
	}
}

static bool
take_value(struct ledger *l, const struct op *op, uint64_t got)
{
	switch (op->kind) {
	case OP_PROBE:
		l->key[op->key].probed = got;
		return true;
	case OP_PROBE_COUNTER:
		l->counter.probed = got;
		return true;
	case OP_PROBE_QUEUE:
		return take_probed(l, l->head.acked + l->lines, got);
	default:
		compare(l, op, got);
		return true;
	}
}

static void
take_data(struct ledger *l, const struct op *op, const char *line, size_t size)
{
	uint64_t got;

	if (!read_data(l, op, line, size, &got) || !take_value(l, op, got))
		report_failure(l->report, &l->report->wrong,
		    "client %u: \"%.*s\" of %zu bytes is no reply to a request "
		    "of kind %d, key %u",
		    l->client, size < 40 ? (int)size : 40, line, size,
		    (int)op->kind, op->key);
}

/* The version that was probed is neither older than the acknowledged one nor
 * newer than the requested one. */
static void
judge_version(struct ledger *l, enum op_kind kind, unsigned int key,
    struct version *v)
{
	struct op op = { kind, key, v->acked };

	if (v->probed < v->acked)
		fail(l, &l->report->lost, &op, v->probed, v->acked);
	else if (v->probed > v->sent)
		fail(l, &l->report->duplicated, &op, v->probed, v->sent);
}

/* What a write has a new version of; NULL: it is no write. */
static struct version *
written(struct ledger *l, const struct op *op)
{
	switch (op->kind) {
	case OP_PUT:
		return &l->key[op->key];
	case OP_INCR:
		return &l->counter;
	case OP_PUSH:
		return &l->tail;
	case OP_POP:
		return &l->head;
	default:
		return NULL;
	}
}

/* No request in doubt was executed if one sent before it was not. */
static void
judge_doubtful(struct ledger *l)
{
	unsigned int i, executed = 0, not_executed = l->n_doubtful;
	const struct version *v;

	for (i = 0; i < l->n_doubtful; i++) {
		if ((v = written(l, &l->doubtful[i])) == NULL)
			continue;
		if (l->doubtful[i].version <= v->probed)
			executed = i + 1;
		else if (i < not_executed)
			not_executed = i;
	}
	if (executed > not_executed)
		report_failure(l->report, &l->report->lost,
		    "client %u: lost: of %u requests in doubt number %u is "
		    "executed, number %u is not",
		    l->client, l->n_doubtful, executed, not_executed + 1);
	l->n_doubtful = 0;
}

static void
settle(struct version *v)
{
	v->acked = v->sent = v->probed;
}

static void
judge(struct ledger *l)
{
	unsigned int key;

	for (key = 0; key < l->keys; key++)
		judge_version(l, OP_PROBE, key, &l->key[key]);
	judge_version(l, OP_PROBE_QUEUE, 0, &l->head);
	judge_version(l, OP_PROBE_QUEUE, 1, &l->tail);
	judge_version(l, OP_PROBE_COUNTER, 0, &l->counter);
	judge_doubtful(l);
	for (key = 0; key < l->keys; key++)
		settle(&l->key[key]);
	settle(&l->head);
	settle(&l->tail);
	settle(&l->counter);
}

/* How many lines of the reply come before its status. */
static uint64_t
data_lines(const struct ledger *l, const struct op *op)
{
	switch (op->kind) {
	case OP_PUT:
	case OP_PUSH:
	case OP_QUIT:
		return 0;
	case OP_PROBE_QUEUE:
		return probed_entries(l);
	default:
		return 1;
	}
}

static enum ledger_line
finish(struct ledger *l, const struct op *op)
{
	struct version *v = written(l, op);

	l->lines = 0;
	l->first = (l->first + 1) % LEDGER_OPS_MAX;
	l->count--;
	l->report->requests++;
	if (v != NULL) {
		v->acked = op->version;
		l->report->writes++;
	}
	if (op->kind != OP_PROBE_COUNTER)
		return LEDGER_DONE;
	judge(l);
	return LEDGER_PROBED;
}

enum ledger_line
ledger_take(struct ledger *l, const char *line, size_t size)
{
	const struct op *op = op_at(l, 0);

	if (l->count == 0)
		return LEDGER_STATUS;
	if (l->lines < data_lines(l, op)) {
		if (size > 0 && line[0] >= 'A' && line[0] <= 'Z')
			return LEDGER_STATUS;
		take_data(l, op, line, size);
		l->lines++;
		return LEDGER_DATA;
	}
	if (size != 2 || memcmp(line, "OK", 2) != 0)
		return LEDGER_STATUS;
	return finish(l, op);
}

/* The pending requests have not been executed, and will not be. */
static void
forget_asked(struct ledger *l)
{
	unsigned int key;

	for (key = 0; key < l->keys; key++)
		l->key[key].sent = l->key[key].acked;
	l->counter.sent = l->counter.acked;
	l->tail.sent = l->tail.acked;
	l->head.sent = l->head.acked;
}

void
ledger_cut(struct ledger *l, bool refused)
{
	unsigned int i;

	/*
	 * If there are requests in doubt, only probes were pending: nothing
	 * else is sent until these are answered.
	 */
	if (refused && l->n_doubtful == 0)
		forget_asked(l);
	else if (l->n_doubtful == 0)
		for (i = 0; i < l->count; i++)
			l->doubtful[l->n_doubtful++] = *op_at(l, i);
	l->count = 0;
	l->lines = 0;
}
