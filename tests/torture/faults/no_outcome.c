/*
 * A registry with a fault: it does not store the outcomes of requests, so
 * that its successor executes a repeated request again.
 */

#include "store/store.h"

enum store_result __wrap_store_put_outcome(struct store_view *, uint64_t,
    struct bytes);

enum store_result
__wrap_store_put_outcome(struct store_view *view, uint64_t session,
    struct bytes record)
{
	(void)view;
	(void)session;
	(void)record;
	return STORE_OK;
}
