/*
 * ledger: what a client has requested, what was acknowledged, and what each
 * reply must be.
 *
 * Only this client writes its keys, and every write has a new version, so
 * that each request has exactly one right reply.  The exception is requests
 * that were pending when a worker died: they are in doubt, since nobody knows
 * whether they were executed.  On its next connection the client therefore
 * sends probes, which read its keys.  What they find must be the result of
 * executing the first n requests in doubt, for some n, and none after these.
 */

#ifndef TORTURE_LEDGER_H
#define TORTURE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "torture/dice.h"
#include "torture/report.h"

#define LEDGER_OPS_MAX 1024 /* pending */
#define LEDGER_KEYS_MAX 512
/* The bucket of all keys. */
#define LEDGER_BUCKET "t"
/* The bucket of all queues.  The keys of a client's queue have a prefix of its
 * own, and numbers; its queue is never empty once it has had an entry. */
#define LEDGER_QUEUES "q"

enum op_kind {
	OP_PUT,
	OP_GET,
	OP_INCR,
	OP_PUSH, /* a PUT behind the last entry of the queue */
	OP_POP,
	OP_PROBE,
	OP_PROBE_QUEUE,
	OP_PROBE_COUNTER,
	OP_QUIT
};

struct op {
	enum op_kind kind;
	unsigned int key;
	uint64_t version; /* to be written, or expected to be read */
};

struct version {
	uint64_t acked; /* the last write that was acknowledged; 0: none */
	uint64_t sent; /* the last write that was requested */
	uint64_t probed; /* what the probe has read */
};

struct ledger {
	struct report *report;
	unsigned int client, keys;
	struct dice dice;
	uint64_t versions; /* the last version used */
	struct version key[LEDGER_KEYS_MAX];
	struct version counter;
	struct version tail, head; /* the last entries pushed and popped */
	struct op ops[LEDGER_OPS_MAX]; /* a ring of pending requests */
	unsigned int first, count;
	uint64_t lines; /* data lines of the first that have come */
	struct op doubtful[LEDGER_OPS_MAX]; /* requests in doubt */
	unsigned int n_doubtful;
};

enum ledger_line {
	LEDGER_DATA, /* a data line of a reply */
	LEDGER_DONE, /* the end of a reply */
	LEDGER_PROBED, /* the end of the reply to the last probe */
	LEDGER_STATUS, /* a status other than OK; belongs to no request */
};

void ledger_init(struct ledger *, struct report *, unsigned int client,
    const struct options *);
/* Append requests to `out'. */
void ledger_ask(struct ledger *, struct buf *out);
void ledger_ask_probes(struct ledger *, struct buf *out);
void ledger_ask_quit(struct ledger *, struct buf *out);
/* Is this a whole value that the key, or the counter, has had?  The version is
 * returned. */
bool ledger_read_key(const struct ledger *, unsigned int key, const char *value,
    size_t size, uint64_t *version);
bool ledger_read_counter(const char *value, size_t size, uint64_t *version);
/* How many more requests can be pending. */
unsigned int ledger_room(const struct ledger *);
/* Judges the next line of the replies, without its line end. */
enum ledger_line ledger_take(struct ledger *, const char *line, size_t size);
/* The connection has ended.  `refused': the client was told that none of the
 * pending requests has been executed. */
void ledger_cut(struct ledger *, bool refused);

#endif
