/*
 * store_numbers: rows of `meta` that have a number for each bucket.  Runs in the
 * registry and the checkpointer.
 */

#include <string.h>

#include "store/store_record.h"

void
numbers_key_make(struct numbers_key *k, const char *name, uint64_t id)
{
	size_t size = strlen(name);

	memcpy(k->data, name, size);
	record_put_be64(k->data + size, id);
	k->bytes = (struct bytes){ k->data, size + ID_SIZE };
}

int
numbers_get(struct store *s, MDB_txn *txn, const char *name, uint64_t id,
    uint64_t *n)
{
	struct numbers_key k;
	MDB_val key, val;
	int rc;

	numbers_key_make(&k, name, id);
	key = record_val(k.bytes);
	rc = mdb_get(txn, s->dbi[DB_META], &key, &val);
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
	struct numbers_key k;
	MDB_val key, val = { sizeof(data), data };

	numbers_key_make(&k, name, id);
	key = record_val(k.bytes);
	record_put_le64(data, n);
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

int
numbers_add(struct store *s, MDB_txn *txn, const char *name, uint64_t id,
    uint64_t n)
{
	struct numbers_key k;
	uint64_t before;
	int rc;

	numbers_key_make(&k, name, id);
	if ((rc = guard_write(s, DB_META, k.bytes, false)) != 0 ||
	    (rc = numbers_get(s, txn, name, id, &before)) != 0)
		return rc;
	return numbers_put(s, txn, name, id, before + n);
}

int
numbers_forget(struct store *s, MDB_txn *txn, const char *name, uint64_t id)
{
	struct numbers_key k;
	MDB_val key;
	int rc;

	numbers_key_make(&k, name, id);
	key = record_val(k.bytes);
	rc = guard_write(s, DB_META, k.bytes, true);
	return rc == 0 ? mdb_del(txn, s->dbi[DB_META], &key, NULL) : rc;
}
