/*
 * HELLO: the first message of a worker on each connection to a registry.  Says
 * which session it is, and what its client has subscribed to.
 */

#ifndef PROTO_HELLO_H
#define PROTO_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

struct hello {
	uint64_t session; /* random; the worker's for life */
	uint64_t
	    seen; /* revision of the last commit whose events it was told */
	struct bytes buckets; /* what hello_put_bucket() has made of them */
};

enum hello_result {
	HELLO_OK,
	HELLO_OTHER_VERSION, /* of another kvd: its fields are unknown */
	HELLO_MALFORMED, /* or another message */
};

/* Appends the frame. */
void hello_put(struct buf *, const struct hello *);
/* Reads it.  The buckets are borrowed, and not yet checked. */
enum hello_result hello_get(const struct message *, struct hello *);

/* Appends a bucket to those of a HELLO. */
void hello_put_bucket(struct buf *, struct bytes name);
/* Takes the first one off.  False: there is none, or it is malformed; then
 * something is left. */
bool hello_next_bucket(struct bytes *buckets, struct bytes *name);

#endif
