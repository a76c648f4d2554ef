/*
 * ledger: see ledger.h.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults/ledger.h"
#include "torture/dice.h"

/* One value in so many is large. */
#define LARGE_ONE_IN 16
#define LARGE 9000
#define SMALL 100

bool
ledger_is_write(const struct op *op)
{
	return op->kind != OP_GET && op->kind != OP_LIST;
}

static unsigned int
next_key(unsigned int key)
{
	return (key + 1) % LEDGER_KEYS;
}

void
ledger_apply(struct ledger *l, const struct op *op)
{
	switch (op->kind) {
	case OP_GET:
	case OP_LIST:
		return;
	case OP_PUT:
		l->key[op->key] = op->version;
		return;
	case OP_DELETE:
		l->key[op->key] = 0;
		return;
	case OP_INCR:
		l->counter++;
		return;
	case OP_TRANSACTION:
		l->key[op->key] = op->version;
		l->key[next_key(op->key)] = op->version + 1;
		l->counter++;
		return;
	}
}

bool
ledger_equals(const struct ledger *a, const struct ledger *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

__attribute__((format(printf, 2, 3))) static void
add(struct buf *b, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_append_text(b, text);
}

static void
add_value(struct buf *b, unsigned int client, unsigned int key,
    uint64_t version)
{
	uint64_t n = dice_mix(version);
	uint64_t size = n % LARGE_ONE_IN == 0 ? n % LARGE : n % SMALL;

	add(b, "%u.%u.%" PRIu64 ".", client, key, version);
	while (size-- > 0)
		buf_append_byte(b, 'x');
}

static void
ask_put(struct buf *b, unsigned int client, unsigned int key, uint64_t version)
{
	add(b, "PUT " LEDGER_BUCKET " %u.%u ", client, key);
	add_value(b, client, key, version);
	buf_append_byte(b, '\n');
}

void
ledger_ask(const struct op *op, unsigned int client, struct buf *b)
{
	unsigned int key;

	switch (op->kind) {
	case OP_GET:
		add(b, "GET " LEDGER_BUCKET);
		for (key = 0; key < LEDGER_KEYS; key++)
			add(b, " %u.%u", client, key);
		add(b, " n.%u\n", client);
		return;
	case OP_LIST:
		add(b, "ENTRIES " LEDGER_BUCKET " PREFIX %u.\n", client);
		return;
	case OP_PUT:
		ask_put(b, client, op->key, op->version);
		return;
	case OP_DELETE:
		add(b, "DELETE " LEDGER_BUCKET " %u.%u\n", client, op->key);
		return;
	case OP_INCR:
		add(b, "INCR " LEDGER_BUCKET " n.%u\n", client);
		return;
	case OP_TRANSACTION:
		add(b, "BEGIN\n");
		ask_put(b, client, op->key, op->version);
		add(b, "INCR " LEDGER_BUCKET " n.%u\n", client);
		ask_put(b, client, next_key(op->key), op->version + 1);
		add(b, "COMMIT\n");
		return;
	}
}

static void
expect_all(const struct ledger *l, unsigned int client, struct buf *b)
{
	unsigned int key;

	for (key = 0; key < LEDGER_KEYS; key++) {
		if (l->key[key] > 0)
			add_value(b, client, key, l->key[key]);
		buf_append_byte(b, '\n');
	}
	if (l->counter > 0)
		add(b, "%" PRIu64, l->counter);
	buf_append_byte(b, '\n');
}

static void
expect_list(const struct ledger *l, unsigned int client, struct buf *b)
{
	unsigned int key;

	for (key = 0; key < LEDGER_KEYS; key++)
		if (l->key[key] > 0) {
			add(b, "%u.%u ", client, key);
			add_value(b, client, key, l->key[key]);
			buf_append_byte(b, '\n');
		}
}

void
ledger_expect(const struct ledger *l, const struct op *op, unsigned int client,
    struct buf *b)
{
	if (op->kind == OP_GET)
		expect_all(l, client, b);
	else if (op->kind == OP_LIST)
		expect_list(l, client, b);
	else if (op->kind == OP_INCR)
		add(b, "%" PRIu64 "\n", l->counter + 1);
	else if (op->kind == OP_TRANSACTION)
		add(b, "OK\nQUEUED\nQUEUED\nQUEUED\nOK\n%" PRIu64 "\nOK\nOK\n",
		    l->counter + 1);
	add(b, "OK\n");
}

bool
ledger_parse_value(const char *text, unsigned int client, unsigned int key,
    uint64_t *version)
{
	unsigned int found_client, found_key;
	struct buf b;
	bool good;

	*version = 0;
	if (text[0] == '\0')
		return true;
	if (sscanf(text, "%u.%u.%" SCNu64, &found_client, &found_key,
		version) != 3 ||
	    found_client != client || found_key != key)
		return false;
	buf_init(&b);
	add_value(&b, client, key, *version);
	good = buf_size(&b) == strlen(text) &&
	    memcmp(buf_data(&b), text, strlen(text)) == 0;
	buf_clear(&b);
	return good;
}
