/*
 * The protocols that kvbench speaks.  A protocol writes a request, and reads
 * the lines of a reply, which end in CR LF in all of them.  No I/O.
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

/* What all connections share.  It does not change under load. */
struct workload {
	const struct protocol *protocol;
	const char *bucket; /* for a protocol that has buckets */
	struct values values;
	struct mix mix;
};

/* What a reply is, compared with its request. */
enum verdict {
	VERDICT_AGAIN, /* the reply is not complete yet */
	VERDICT_OK,
	VERDICT_ABSENT, /* there is no such key, which is not an error */
	VERDICT_ERROR, /* the server reports an error: see `line` */
	VERDICT_WRONG, /* not a reply to this request: see `line` */
};

/* Reads the replies of one connection. */
struct parser {
	const struct workload *workload;
	struct reply_reader in;
	struct reply_line line; /* the last one */
	enum reply_kind kind; /* of that line */
	struct buf expected; /* the bytes that protocol_echo expects */
	size_t stage; /* set by the protocol; 0 at the start of a reply */
};

struct protocol {
	const char *name;
	const char *port; /* the default */
	unsigned int ops; /* the requests that it has: bits 1 << enum op */
	void (*encode)(struct buf *, const struct workload *,
	    const struct request *);
	/* Takes parser->line, which may be the last one of a reply or not. */
	enum verdict (*take)(struct parser *, const struct request *);
};

extern const struct protocol protocol_kvd;
extern const struct protocol protocol_resp;
extern const struct protocol protocol_memcached;
extern const struct protocol protocol_echo;

/* NULL: there is no such protocol. */
const struct protocol *protocol_find(const char *name);

void parser_init(struct parser *, const struct workload *);
/* Frees the memory. */
void parser_clear(struct parser *);
/* Prepares for another connection. */
void parser_reset(struct parser *);

/* Reads the reply to this request from parser->in, into which reply_reserve
 * and reply_commit have put the received bytes. */
enum verdict parser_next(struct parser *, const struct request *);

/* The rest is for the implementations of protocols. */

/* VERDICT_OK or VERDICT_WRONG. */
enum verdict protocol_expect(bool);
/* Appends a decimal number. */
void protocol_put_number(struct buf *, uint64_t n);
void protocol_put_key(struct buf *, uint64_t key);
void protocol_put_value(struct buf *, const struct workload *,
    const struct request *);
/* Reads a number that begins after `skip` bytes and ends with the text. */
bool protocol_get_number(struct bytes text, size_t skip, uint64_t *n);
/* Can this value have been put under the key of the request? */
enum verdict protocol_check_value(const struct parser *, const struct request *,
    struct bytes value);

#endif
