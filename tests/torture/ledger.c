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

void
ledger_init(struct ledger *l, struct report *report, unsigned int client,
    const struct options *o)
{
	memset(l, 0, sizeof(*l));
	l->report = report;
	l->client = client;
	l->keys = o->keys;
	l->counters = report->counters;
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

void
ledger_ask(struct ledger *l, struct buf *out)
{
	unsigned int key = dice_below(&l->dice, l->keys);
	unsigned int what = dice_below(&l->dice, 8);

	if (what < 4)
		ask_put(l, key, out);
	else if (what < 7 || !l->counters)
		ask_get(l, OP_GET, key, out);
	else
		ask_incr(l, out);
}

void
ledger_ask_probes(struct ledger *l, struct buf *out)
{
	unsigned int key;

	for (key = 0; key < l->keys; key++)
		ask_get(l, OP_PROBE, key, out);
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
		[OP_PROBE] = "after connecting again, key",
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

static void
take_data(struct ledger *l, const struct op *op, const char *line, size_t size)
{
	bool is_number = op->kind == OP_INCR || op->kind == OP_PROBE_COUNTER;
	uint64_t got;

	if (is_number ? !ledger_read_counter(line, size, &got) :
			!ledger_read_key(l, op->key, line, size, &got)) {
		report_failure(l->report, &l->report->wrong,
		    "client %u: \"%.*s\" of %zu bytes is no value of key %u",
		    l->client, size < 40 ? (int)size : 40, line, size, op->key);
		return;
	}
	if (op->kind == OP_PROBE)
		l->key[op->key].probed = got;
	else if (op->kind == OP_PROBE_COUNTER)
		l->counter.probed = got;
	else
		compare(l, op, got);
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

/* No request in doubt was executed if one sent before it was not. */
static void
judge_doubtful(struct ledger *l)
{
	unsigned int i, executed = 0, not_executed = l->n_doubtful;
	const struct version *v;
	const struct op *op;

	for (i = 0; i < l->n_doubtful; i++) {
		op = &l->doubtful[i];
		if (op->kind != OP_PUT && op->kind != OP_INCR)
			continue;
		v = op->kind == OP_PUT ? &l->key[op->key] : &l->counter;
		if (op->version <= v->probed)
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
judge(struct ledger *l)
{
	unsigned int key;

	for (key = 0; key < l->keys; key++)
		judge_version(l, OP_PROBE, key, &l->key[key]);
	judge_version(l, OP_PROBE_COUNTER, 0, &l->counter);
	judge_doubtful(l);
	for (key = 0; key < l->keys; key++)
		l->key[key].acked = l->key[key].sent = l->key[key].probed;
	l->counter.acked = l->counter.sent = l->counter.probed;
}

static bool
has_data(const struct op *op)
{
	return op->kind != OP_PUT && op->kind != OP_QUIT;
}

static enum ledger_line
finish(struct ledger *l, const struct op *op)
{
	l->have_data = false;
	l->first = (l->first + 1) % LEDGER_OPS_MAX;
	l->count--;
	l->report->requests++;
	if (op->kind == OP_PUT)
		l->key[op->key].acked = op->version;
	if (op->kind == OP_INCR)
		l->counter.acked = op->version;
	if (op->kind == OP_PUT || op->kind == OP_INCR)
		l->report->writes++;
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
	if (has_data(op) && !l->have_data) {
		if (size > 0 && (line[0] < '0' || line[0] > '9'))
			return LEDGER_STATUS;
		take_data(l, op, line, size);
		l->have_data = true;
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
	l->have_data = false;
}
