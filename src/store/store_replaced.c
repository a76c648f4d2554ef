/*
 * store_replaced: how many open puts turned out to replace an entry, as far as
 * they are folded.  Runs in the registry and the checkpointer.
 *
 * A row of `meta` for each bucket that has such puts, and one for all together:
 * that of bucket 0, which is no bucket's id.  They only grow, until the bucket
 * is purged.
 */

#include <string.h>

#include "store/store_record.h"

#define NAME "replaced"
#define NAME_SIZE (sizeof(NAME) - 1)

struct replaced_key {
	uint8_t data[NAME_SIZE + ID_SIZE];
};

static MDB_val
make_key(struct replaced_key *k, uint64_t id)
{
	memcpy(k->data, NAME, NAME_SIZE);
	record_put_be64(k->data + NAME_SIZE, id);
	return (MDB_val){ sizeof(k->data), k->data };
}

int
replaced_get(struct store *s, MDB_txn *txn, uint64_t id, uint64_t *n)
{
	struct replaced_key k;
	MDB_val key = make_key(&k, id), val;
	int rc = mdb_get(txn, s->dbi[DB_META], &key, &val);

	*n = 0;
	if (rc == 0 && val.mv_size != sizeof(*n))
		return MDB_CORRUPTED;
	if (rc == 0)
		*n = record_get_le64(val.mv_data);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
put(struct store *s, MDB_txn *txn, uint64_t id, uint64_t n)
{
	uint8_t data[sizeof(n)];
	struct replaced_key k;
	MDB_val key = make_key(&k, id), val = { sizeof(data), data };

	record_put_le64(data, n);
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

static int
add(struct store *s, MDB_txn *txn, uint64_t id, uint64_t n)
{
	uint64_t before;
	int rc = replaced_get(s, txn, id, &before);

	return rc == 0 ? put(s, txn, id, before + n) : rc;
}

int
replaced_add(struct store *s, MDB_txn *txn, uint64_t id, uint64_t n)
{
	int rc;

	if (n == 0)
		return 0;
	rc = add(s, txn, id, n);
	return rc == 0 ? add(s, txn, REPLACED_ALL, n) : rc;
}

int
replaced_forget(struct store *s, MDB_txn *txn, uint64_t id, uint64_t missing)
{
	struct replaced_key k;
	MDB_val key = make_key(&k, id);
	uint64_t all;
	int rc;

	rc = mdb_del(txn, s->dbi[DB_META], &key, NULL);
	if (rc != 0)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if ((rc = replaced_get(s, txn, REPLACED_ALL, &all)) != 0)
		return rc;
	return put(s, txn, REPLACED_ALL, all > missing ? all - missing : 0);
}
