/*
 * What each request does: one function a request, in a table.
 */

#ifndef REGISTRY_CALLS_H
#define REGISTRY_CALLS_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"
#include "store/store.h"

struct call_args {
	struct bytes bucket, key, value;
};

struct call {
	/* The body's fields: b bucket, k key, v value; NULL: no request. */
	const char *args;
	bool writes;
	bool frees; /* takes less room afterwards: may use the reserve */
	/* Appends the reply's data lines; what it returns is the status.
	 * STORE_FULL and STORE_FAILED are the caller's to handle. */
	enum store_result (*run)(struct store_view *, const struct call_args *,
	    struct buf *reply);
};

/* Finds a request's call.  NULL: there is no such request. */
const struct call *call_find(uint16_t type);
/* Reads the fields; false: malformed, or out of bounds. */
bool call_decode(const struct call *, struct bytes body, size_t value_max,
    struct call_args *);
/* Appends the whole reply frame. */
enum store_result call_run(const struct call *, struct store_view *,
    const struct call_args *, uint64_t sequence, struct buf *out);
/* Appends a reply frame that is only a status. */
void call_reply_status(struct buf *out, uint64_t sequence, enum status);

#endif
