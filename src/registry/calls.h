/*
 * What each request does: one function a request, in a table.
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
	enum status status; /* of what is refused, having changed nothing */
};

/*
 * Executes a request, given its fields.  What it returns is the reply's status,
 * unless that is STORE_OK and it sets another.  STORE_FULL and STORE_FAILED are
 * the caller's to handle.
 */
typedef enum store_result call_function(struct call_context *,
    const struct fields *);

/* NULL: no request of this type has such a function. */
call_function *call_find(uint16_t type);
/* Appends the whole reply frame. */
enum store_result call_run(call_function *, struct registry *,
    struct store_view *, const struct fields *, uint64_t sequence,
    struct buf *out);

#endif
