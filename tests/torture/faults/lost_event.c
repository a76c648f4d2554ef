/*
 * A registry with a fault: it leaves out a commit when it tells subscribers what
 * they missed.
 */

#include "store/store.h"

void __real_store_changes_seek(struct store_changes *, uint64_t);
void __wrap_store_changes_seek(struct store_changes *, uint64_t);

void
__wrap_store_changes_seek(struct store_changes *changes, uint64_t revision)
{
	__real_store_changes_seek(changes, revision + 1);
}
