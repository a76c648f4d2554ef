/*
 * What kvbench says to a server, and what it makes of the answer.  A
 * protocol is a way to write a request and a way to read the lines of a
 * reply; all that are here have lines that end in CR LF.  Pure: no I/O.
 */

#ifndef KVBENCH_PROTOCOL_H
#define KVBENCH_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "kvbench/mix.h"
#include "kvbench/values.h"
#include "proto/reply.h"

struct protocol;

/* What all connections have in common; nobody writes to it under load. */
struct workload {
	const struct protocol *protocol;
	const char *bucket; /* one word, for those that have buckets */
	struct values values;
	struct mix mix;
};

enum verdict {
	VERDICT_AGAIN, /* the reply is not complete */
	VERDICT_OK,
	VERDICT_ABSENT, /* no such key, which is no error */
	VERDICT_ERROR, /* the server says that it cannot: see `line` */
	VERDICT_WRONG, /* no answer to this request: see `line` */
};

/* The reading of one connection. */
struct parser {
	const struct workload *workload;
	struct reply_reader in;
	struct reply_line line; /* the last one */
	enum reply_kind kind; /* of it */
	struct buf expected; /* by those that expect certain bytes */
	size_t stage; /* the protocol's own; 0 at the start of a reply */
};

struct protocol {
	const char *name;
	const char *port; /* the usual one */
	unsigned int ops; /* those it has, 1 << enum op */
	void (*encode)(struct buf *, const struct workload *,
	    const struct request *);
	/* Takes parser->line. */
	enum verdict (*take)(struct parser *, const struct request *);
};

extern const struct protocol protocol_kvd;
extern const struct protocol protocol_resp;
extern const struct protocol protocol_memcached;
extern const struct protocol protocol_echo;

/* NULL when there is no such protocol. */
const struct protocol *protocol_find(const char *name);

void parser_init(struct parser *, const struct workload *);
/* Frees the memory. */
void parser_clear(struct parser *);
/* For another connection. */
void parser_reset(struct parser *);

/*
 * Reads the reply to this request out of what was put into parser->in with
 * reply_reserve and reply_commit.
 */
enum verdict parser_next(struct parser *, const struct request *);

/* For the protocols. */
/* Appends a decimal number. */
void protocol_put_number(struct buf *, uint64_t n);
void protocol_put_key(struct buf *, uint64_t key);
void protocol_put_value(struct buf *, const struct workload *,
    const struct request *);
/* Reads one that is all that follows `skip` bytes. */
bool protocol_get_number(struct bytes text, size_t skip, uint64_t *n);
/* Is this what has been put under the request's key? */
enum verdict protocol_check_value(const struct parser *, const struct request *,
    struct bytes value);

#endif
