/*
 * store_replaced: how many open puts turned out to replace an entry, as far as
 * they are folded.  Runs in the registry and the checkpointer.
 *
 * A row of `meta` for each bucket that has such puts, and one for all together:
 * that of bucket 0, which is no bucket's id.  They only grow, until the bucket
 * is purged.
 */

#include "store/store_record.h"

static const char name[] = REPLACED_NAME;

int
replaced_get(struct store *s, MDB_txn *txn, uint64_t id, uint64_t *n)
{
	return numbers_get(s, txn, name, id, n);
}

int
replaced_add(struct store *s, MDB_txn *txn, uint64_t id, uint64_t n)
{
	int rc;

	if (n == 0)
		return 0;
	rc = numbers_add(s, txn, name, id, n);
	return rc == 0 ? numbers_add(s, txn, name, REPLACED_ALL, n) : rc;
}

int
replaced_forget(struct store *s, MDB_txn *txn, uint64_t id, uint64_t missing)
{
	uint64_t all;
	int rc;

	if ((rc = numbers_forget(s, txn, name, id)) != 0)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if ((rc = replaced_get(s, txn, REPLACED_ALL, &all)) != 0)
		return rc;
	return numbers_put(s, txn, name, REPLACED_ALL,
	    all > missing ? all - missing : 0);
}
