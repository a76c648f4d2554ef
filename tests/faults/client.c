/*
 * client: asks, and judges the replies.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults/client.h"

/* How many requests it sends at once. */
#define BURST 8

/* How the reply to a request has ended. */
enum outcome {
	DONE,
	NOT_DONE, /* and kvd has said so */
	IN_DOUBT, /* and nothing more is heard on this connection */
};

void
client_init(struct client *c, unsigned int number, uint64_t seed,
    struct verdict *v, const struct wire_tick *tick)
{
	*c = (struct client){ .number = number, .verdict = v };
	dice_init(&c->dice, seed, number);
	wire_init(&c->wire, tick);
}

void
client_forget(struct client *c)
{
	client_close(c);
	memset(&c->ledger, 0, sizeof(c->ledger));
	c->n_asked = c->n_doubtful = 0;
}

void
client_close(struct client *c)
{
	wire_close(&c->wire);
}

bool
client_is_connected(const struct client *c)
{
	return c->wire.fd != -1;
}

__attribute__((format(printf, 2, 3))) static void
notice(struct client *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(c->trouble, sizeof(c->trouble), format, args);
	va_end(args);
}

/* Connecting */

static bool
judge(struct client *c, const struct ledger *found)
{
	struct ledger now = c->ledger;
	size_t i;

	for (i = 0; !ledger_equals(&now, found) && i < c->n_doubtful; i++)
		ledger_apply(&now, &c->doubtful[i]);
	if (!ledger_equals(&now, found))
		verdict_fail(c->verdict,
		    "client %u: lost or twice: it has the versions %" PRIu64
		    " %" PRIu64 " %" PRIu64 " %" PRIu64 " and the counter "
		    "%" PRIu64 "; the last sure ones are %" PRIu64 " %" PRIu64
		    " %" PRIu64 " %" PRIu64 " and %" PRIu64
		    ", with %zu requests in doubt",
		    c->number, found->key[0], found->key[1], found->key[2],
		    found->key[3], found->counter, c->ledger.key[0],
		    c->ledger.key[1], c->ledger.key[2], c->ledger.key[3],
		    c->ledger.counter, c->n_doubtful);
	c->ledger = *found;
	c->n_doubtful = 0;
	return true;
}

static bool
not_connected(struct client *c, const char *line)
{
	notice(c, "client %u cannot connect: %s", c->number,
	    line == NULL ? c->wire.end : line);
	c->refused =
	    line == NULL || strcmp(line, "ERROR too many clients") == 0;
	wire_drain(&c->wire);
	return false;
}

/* Reads its keys, and the counter. */
static bool
probe(struct client *c)
{
	static const struct op get = { .kind = OP_GET };
	struct ledger found = { .counter = 0 };
	const char *line = NULL;
	unsigned int key;
	struct buf b;
	bool said;

	buf_init(&b);
	if (c->number == 0)
		buf_append_text(&b, "CREATE " LEDGER_BUCKET "\n");
	ledger_ask(&get, c->number, &b);
	said = wire_say(&c->wire, (char *)buf_data(&b), buf_size(&b));
	buf_clear(&b);
	if (said && c->number == 0 &&
	    ((line = wire_hear(&c->wire, WIRE_WAIT_MS)) == NULL ||
		strcmp(line, "OK") != 0))
		return not_connected(c, line);
	for (key = 0; key < LEDGER_KEYS; key++)
		if ((line = wire_hear(&c->wire, WIRE_WAIT_MS)) == NULL ||
		    !ledger_parse_value(line, c->number, key, &found.key[key]))
			return not_connected(c, line);
	if ((line = wire_hear(&c->wire, WIRE_WAIT_MS)) == NULL ||
	    strncmp(line, "ERROR", 5) == 0)
		return not_connected(c, line);
	found.counter = strtoull(line, NULL, 10);
	if ((line = wire_hear(&c->wire, WIRE_WAIT_MS)) == NULL ||
	    strcmp(line, "OK") != 0)
		return not_connected(c, line);
	return judge(c, &found);
}

bool
client_connect(struct client *c, const struct sockaddr_in *address)
{
	if (client_is_connected(c))
		return true;
	if (!wire_open(&c->wire, address))
		return not_connected(c, NULL);
	return probe(c);
}

/* Asking */

static void
add(struct client *c, enum op_kind kind)
{
	struct op *op = &c->asked[c->n_asked++];

	op->kind = kind;
	op->key = dice_below(&c->dice, LEDGER_KEYS);
	op->version = c->versions + 1;
	c->versions += 2;
}

static enum op_kind
choose(struct client *c)
{
	static const enum op_kind kinds[] = { OP_PUT, OP_PUT, OP_DELETE, OP_GET,
		OP_LIST, OP_TRANSACTION };

	return kinds[dice_below(&c->dice, sizeof(kinds) / sizeof(kinds[0]))];
}

void
client_ask(struct client *c)
{
	struct buf b;
	size_t i;

	c->n_asked = 0;
	for (i = 1; i < BURST; i++)
		add(c, choose(c));
	add(c, OP_INCR);
	buf_init(&b);
	for (i = 0; i < c->n_asked; i++)
		ledger_ask(&c->asked[i], c->number, &b);
	/* If it fails, hearing will say so. */
	(void)wire_say(&c->wire, (char *)buf_data(&b), buf_size(&b));
	buf_clear(&b);
}

/* Hearing */

static enum outcome
wrong(struct client *c, const struct op *op, const char *line,
    const char *wanted)
{
	verdict_fail(c->verdict,
	    "client %u: wrong reply \"%.60s\", not \"%.60s\""
	    " to request of kind %d",
	    c->number, line, wanted, (int)op->kind);
	return IN_DOUBT;
}

/* The status line is an error. */
static enum outcome
take_error(struct client *c, const struct op *op, const char *line)
{
	notice(c, "client %u: %.100s", c->number, line);
	if (strcmp(line, "ERROR storage full") == 0 && ledger_is_write(op)) {
		c->full = true;
		return NOT_DONE;
	}
	if (strcmp(line, "ERROR snapshot lost") == 0 && op->kind == OP_LIST) {
		c->trouble[0] = '\0';
		return NOT_DONE;
	}
	if (strcmp(line, "ERROR registry unavailable") != 0 &&
	    strcmp(line, "ERROR shutting down") != 0)
		return wrong(c, op, line, "OK");
	return IN_DOUBT;
}

static enum outcome
hear_reply(struct client *c, const struct op *op)
{
	enum outcome outcome = DONE;
	const char *line;
	char *wanted, *end;
	struct buf b;

	buf_init(&b);
	ledger_expect(&c->ledger, op, c->number, &b);
	while (outcome == DONE && buf_size(&b) > 0) {
		wanted = (char *)buf_data(&b);
		end = memchr(wanted, '\n', buf_size(&b));
		*end = '\0';
		line = wire_hear(&c->wire, WIRE_WAIT_MS);
		if (line == NULL) {
			notice(c, "client %u: %s", c->number, c->wire.end);
			if (c->wire.is_late)
				verdict_fail(c->verdict, "%s", c->trouble);
			outcome = IN_DOUBT;
		} else if (strncmp(line, "ERROR ", 6) == 0)
			outcome = take_error(c, op, line);
		else if (strcmp(line, wanted) != 0)
			outcome = wrong(c, op, line, wanted);
		buf_consume(&b, (size_t)(end + 1 - wanted));
	}
	buf_clear(&b);
	return outcome;
}

static void
leave_in_doubt(struct client *c, size_t from)
{
	memcpy(c->doubtful, &c->asked[from],
	    (c->n_asked - from) * sizeof(c->asked[0]));
	c->n_doubtful = c->n_asked - from;
	wire_drain(&c->wire);
}

bool
client_hear(struct client *c)
{
	enum outcome outcome;
	size_t i;

	c->trouble[0] = '\0';
	c->full = c->refused = false;
	for (i = 0; i < c->n_asked; i++) {
		outcome = hear_reply(c, &c->asked[i]);
		if (outcome == IN_DOUBT) {
			leave_in_doubt(c, i);
			return false;
		}
		c->requests++;
		if (outcome == DONE && ledger_is_write(&c->asked[i]))
			c->writes++;
		if (outcome == DONE)
			ledger_apply(&c->ledger, &c->asked[i]);
	}
	return c->trouble[0] == '\0';
}
