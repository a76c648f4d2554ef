/*
 * A registry with a fault: it answers writes before they are committed.
 * Several turns share a commit, and reads see the open batch, so that the
 * fault shows only if the registry dies.
 */

#include "common/clock.h"
#include "store/store.h"

/* How long a batch stays open. */
#define OPEN_MS 30

enum store_result __real_store_commit(struct store *);
enum store_result __wrap_store_commit(struct store *);
enum store_result __real_store_snapshot(struct store *, struct store_view **);
enum store_result __wrap_store_snapshot(struct store *, struct store_view **);

enum store_result
__wrap_store_commit(struct store *s)
{
	static int64_t due_ms = CLOCK_NEVER;
	int64_t now_ms = clock_ms();

	if (due_ms == CLOCK_NEVER)
		due_ms = now_ms + OPEN_MS;
	if (now_ms < due_ms)
		return STORE_OK;
	due_ms = CLOCK_NEVER;
	return __real_store_commit(s);
}

enum store_result
__wrap_store_snapshot(struct store *s, struct store_view **view)
{
	return store_batch_open(s) ? store_batch(s, view) :
				     __real_store_snapshot(s, view);
}
