/*
 * What each request does: one function a request, in a table.
 */

#ifndef REGISTRY_CALLS_H
#define REGISTRY_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"
#include "store/store.h"

struct registry;

struct call_args {
	struct bytes bucket, key, value;
	struct bytes old; /* value */
	int64_t number; /* or seconds */
	struct bytes requests; /* of a transaction */
};

struct call_context {
	struct registry *registry;
	struct store_view *view;
	struct buf *reply; /* takes the data lines */
	enum status status; /* of what is refused, having changed nothing */
};

/*
 * What it returns is the reply's status, unless that is STORE_OK and it sets
 * another.  STORE_FULL and STORE_FAILED are the caller's to handle.
 */
typedef enum store_result call_function(struct call_context *,
    const struct call_args *);

struct call {
	/* The body's fields: b bucket, k key, v value, o old value, n number,
	 * s seconds; NULL: no request. */
	const char *args;
	bool writes;
	bool frees; /* takes less room afterwards: may use the reserve */
	call_function *run;
	bool alone; /* may not be part of a transaction */
};

/* Finds a request's call.  NULL: there is no such request. */
const struct call *call_find(uint16_t type);
/* Reads the fields; false: malformed, or out of bounds. */
bool call_decode(const struct call *, struct bytes body, size_t value_max,
    struct call_args *);
/* Appends the whole reply frame. */
enum store_result call_run(const struct call *, struct registry *,
    struct store_view *, const struct call_args *, uint64_t sequence,
    struct buf *out);
/* Appends a reply frame that is only a status. */
void call_reply_status(struct buf *out, uint64_t sequence, enum status);

#endif
