/*
 * A client's ledger: what it has asked for, what it was promised, and what
 * each reply has to be.  A client is the only one to write its keys, and
 * every write has a version of its own, so that there is exactly one right
 * reply to everything; only of what was under way when a worker died it is
 * not known whether it was executed.  That is asked for afterwards (a
 * probe), and has to be what executing the first n of those requests, and
 * not the others, has left.
 */

#ifndef TORTURE_LEDGER_H
#define TORTURE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "torture/dice.h"
#include "torture/report.h"

#define LEDGER_OPS_MAX 1024 /* under way */
#define LEDGER_KEYS_MAX 512
/* The bucket of all keys. */
#define LEDGER_BUCKET "t"

enum op_kind {
	OP_PUT,
	OP_GET,
	OP_INCR,
	OP_PROBE,
	OP_PROBE_COUNTER,
	OP_QUIT
};

struct op {
	enum op_kind kind;
	unsigned int key;
	uint64_t version; /* that is written, or has to be read */
};

struct version {
	uint64_t acked; /* the last one that was promised; 0: no such key */
	uint64_t sent; /* and asked for */
	uint64_t probed;
};

struct ledger {
	struct report *report;
	unsigned int client, keys;
	bool counters;
	struct dice dice;
	uint64_t versions; /* the last one given */
	struct version key[LEDGER_KEYS_MAX];
	struct version counter;
	struct op ops[LEDGER_OPS_MAX]; /* a ring of those under way */
	unsigned int first, count;
	bool have_data; /* of the first of them */
	struct op doubtful[LEDGER_OPS_MAX];
	unsigned int n_doubtful;
};

enum ledger_line {
	LEDGER_DATA, /* the first of two lines */
	LEDGER_DONE, /* a request is answered */
	LEDGER_PROBED, /* the last of the probes is */
	LEDGER_STATUS, /* something else than OK: nothing is answered */
};

void ledger_init(struct ledger *, struct report *, unsigned int client,
    const struct options *);
/* Adds requests to `out`. */
void ledger_ask(struct ledger *, struct buf *out);
void ledger_ask_probes(struct ledger *, struct buf *out);
void ledger_ask_quit(struct ledger *, struct buf *out);
/* How many requests there is room for. */
unsigned int ledger_room(const struct ledger *);
/* The next line of the replies, without its end. */
enum ledger_line ledger_take(struct ledger *, const char *line, size_t size);
/* The connection is gone.  `refused`: the client was told that nothing of
 * what was not answered has been done. */
void ledger_cut(struct ledger *, bool refused);

#endif
