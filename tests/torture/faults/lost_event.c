/*
 * A registry with a fault: it leaves out a commit when it tells subscribers what
 * they missed.
 */

#include "store/store.h"

struct store_changes *__real_store_changes_open(struct store *, uint64_t);
struct store_changes *__wrap_store_changes_open(struct store *, uint64_t);

struct store_changes *
__wrap_store_changes_open(struct store *s, uint64_t revision)
{
	return __real_store_changes_open(s, revision + 1);
}
