/*
 * ledger: what a client has in the store: a few keys and a counter, which
 * nobody else writes.  Pure computation.
 */

#ifndef FAULTS_LEDGER_H
#define FAULTS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define LEDGER_BUCKET "faults"
#define LEDGER_KEYS 4

/* The version of each value; 0: there is none. */
struct ledger {
	uint64_t key[LEDGER_KEYS];
	uint64_t counter;
};

enum op_kind {
	OP_GET, /* all of it */
	OP_LIST,
	OP_PUT,
	OP_DELETE,
	OP_INCR,
	OP_TRANSACTION, /* puts a key and the next one, and counts */
};

struct op {
	enum op_kind kind;
	unsigned int key;
	uint64_t version; /* to be put; of the next key: one more */
};

bool ledger_is_write(const struct op *);
void ledger_apply(struct ledger *, const struct op *);
bool ledger_equals(const struct ledger *, const struct ledger *);

/* The request, with all its lines. */
void ledger_ask(const struct op *, unsigned int client, struct buf *);
/* The reply to be expected from that ledger, each line with LF behind it. */
void ledger_expect(const struct ledger *, const struct op *,
    unsigned int client, struct buf *);

/* Is this a whole value of that key?  Stores its version; 0: the line is
 * empty. */
bool ledger_parse_value(const char *text, unsigned int client, unsigned int key,
    uint64_t *version);

#endif
