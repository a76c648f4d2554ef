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
	/* Revision of the last commit of which the client was told all events,
	 * and how far it was told those of the next: the number of the last
	 * change of that commit of which it was told, or 0. */
	uint64_t seen, told;
	/* What it has subscribed to: each by hello_put_bucket(). */
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

struct hello_bucket {
	struct bytes name;
	uint64_t id; /* from SUBSCRIBED */
	struct bytes prefix; /* of the keys; may be empty */
	/* A revision: nothing of it, nor of those before, is to be told. */
	uint64_t after;
	/* The worker's own: is the client told the revisions? */
	bool tells_revision;
};

/* Appends one to the buckets of a HELLO. */
void hello_put_bucket(struct buf *, const struct hello_bucket *);
/* Removes the first of the buckets.  False: there is none; or it is malformed,
 * and then `buckets` is not empty. */
bool hello_next_bucket(struct bytes *buckets, struct hello_bucket *);

#endif
