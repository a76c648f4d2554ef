/*
 * store_numbers: rows of `meta` that have a number for each bucket.  Runs in the
 * registry and the checkpointer.
 */

#include <string.h>

#include "store/store_record.h"

#define NAME_MAX_SIZE 16

struct row_key {
	uint8_t data[NAME_MAX_SIZE + ID_SIZE];
};

static MDB_val
make_key(struct row_key *k, const char *name, uint64_t id)
{
	size_t size = strlen(name);

	memcpy(k->data, name, size);
	record_put_be64(k->data + size, id);
	return (MDB_val){ size + ID_SIZE, k->data };
}

int
numbers_get(struct store *s, MDB_txn *txn, const char *name, uint64_t id,
    uint64_t *n)
{
	struct row_key k;
	MDB_val key = make_key(&k, name, id), val;
	int rc = mdb_get(txn, s->dbi[DB_META], &key, &val);

	*n = 0;
	if (rc == 0 && val.mv_size != sizeof(*n))
		return MDB_CORRUPTED;
	if (rc == 0)
		*n = record_get_le64(val.mv_data);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
numbers_put(struct store *s, MDB_txn *txn, const char *name, uint64_t id,
    uint64_t n)
{
	uint8_t data[sizeof(n)];
	struct row_key k;
	MDB_val key = make_key(&k, name, id), val = { sizeof(data), data };

	record_put_le64(data, n);
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

int
numbers_add(struct store *s, MDB_txn *txn, const char *name, uint64_t id,
    uint64_t n)
{
	struct row_key k;
	MDB_val key = make_key(&k, name, id);
	uint64_t before;
	int rc;

	if ((rc = guard_write(s, DB_META,
		 (struct bytes){ key.mv_data, key.mv_size }, false)) != 0 ||
	    (rc = numbers_get(s, txn, name, id, &before)) != 0)
		return rc;
	return numbers_put(s, txn, name, id, before + n);
}

int
numbers_forget(struct store *s, MDB_txn *txn, const char *name, uint64_t id)
{
	struct row_key k;
	MDB_val key = make_key(&k, name, id);
	int rc;

	rc = guard_write(s, DB_META, (struct bytes){ key.mv_data, key.mv_size },
	    true);
	return rc == 0 ? mdb_del(txn, s->dbi[DB_META], &key, NULL) : rc;
}
