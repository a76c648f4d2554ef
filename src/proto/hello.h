/*
 * HELLO: the first message of a worker on each connection to a registry.  It
 * names the worker's session and what its client has subscribed to.
 */

#ifndef PROTO_HELLO_H
#define PROTO_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

struct hello {
	uint64_t session; /* random; the same on all connections of a worker */
	/* Revision of the last commit of which the client was told all events. */
	uint64_t seen;
	/* What it has subscribed to: each name by hello_put_bucket(). */
	struct bytes buckets;
};

enum hello_result {
	HELLO_OK,
	HELLO_OTHER_VERSION, /* a worker of another version of kvd; the fields
			      * are not read */
	HELLO_MALFORMED, /* malformed, or another message */
};

/* Appends the frame. */
void hello_put(struct buf *, const struct hello *);
/* Reads it.  The buckets are borrowed, and not yet checked. */
enum hello_result hello_get(const struct message *, struct hello *);

/* Appends a name to the buckets of a HELLO. */
void hello_put_bucket(struct buf *, struct bytes name);
/* Removes the first name from the buckets.  False: there is none; or it is
 * malformed, and then `buckets` is not empty. */
bool hello_next_bucket(struct bytes *buckets, struct bytes *name);

#endif
