/*
 * The requests that are answered from the store: a function for each, in a
 * table.
 */

#ifndef REGISTRY_CALLS_H
#define REGISTRY_CALLS_H

#include <stdint.h>

#include "common/buf.h"
#include "proto/message.h"
#include "proto/schema.h"
#include "store/store.h"

struct registry;

struct call_context {
	struct registry *registry;
	struct store_view *view;
	struct buf *reply; /* takes the data lines */
	/* Set by a request that is refused, and then has changed nothing. */
	enum status status;
	uint64_t cleared; /* entries that CLEAR has removed so far */
	size_t read; /* bytes of values that were read so far */
	size_t
	    scan_left; /* keys without an entry that may still be gone past */
};

/*
 * Executes a request with these fields.  The result tells the status of the
 * reply, unless it is STORE_OK and the context has another status.  There is no
 * reply to STORE_FULL, STORE_AGAIN and STORE_FAILED: the caller handles them.
 */
typedef enum store_result call_function(struct call_context *,
    const struct fields *);

/* What the data lines of a request, or of a transaction, may have besides the
 * longest value: they are kept until the worker has them, and may be stored
 * with the commit. */
#define CALL_REPLY_MAX ((size_t)1 << 20)

/*
 * The bytes of values that a transaction may read, besides the longest one: a
 * few milliseconds' work.  EXISTS and others read a value of which nothing is in
 * the reply, to check its checksum.
 */
#define CALL_READ_MAX ((size_t)64 << 20)

/* NULL: requests of this type have no such function. */
call_function *call_find(uint16_t type);
/* Executes a request, and appends the whole reply frame. */
enum store_result call_run(call_function *, struct registry *,
    struct store_view *, const struct fields *, uint64_t sequence,
    struct buf *out);

#endif
