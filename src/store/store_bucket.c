/*
 * store_bucket: names of buckets, their ids and counters.
 * Runs in the registry.
 */

#include <string.h>

#include "store/store_record.h"

#define BUCKET_SIZE 20
#define BUCKET_SUM 16 /* where the checksum is */

static MDB_val
meta_key(const char *name)
{
	return record_val(bytes_from_text(name));
}

int
store_put_format(struct store *s, MDB_txn *txn)
{
	uint8_t data[sizeof(uint32_t)];
	MDB_val key = meta_key("format"), val = { sizeof(data), data };

	record_put_le32(data, STORE_FORMAT);
	return mdb_put(txn, s->meta, &key, &val, 0);
}

int
store_get_format(struct store *s, MDB_txn *txn, uint32_t *format)
{
	MDB_val key = meta_key("format"), val;
	int rc;

	rc = mdb_get(txn, s->meta, &key, &val);
	if (rc == 0 && val.mv_size != sizeof(*format))
		return MDB_INVALID;
	if (rc == 0)
		*format = record_get_le32(val.mv_data);
	return rc;
}

void
store_view_forget(struct store_view *v)
{
	v->open = v->known = v->changed = v->counted = false;
	if (v->writes)
		v->txn = NULL;
}

static enum store_result
write_bucket(struct store_view *v)
{
	struct store *s = v->store;
	uint8_t data[BUCKET_SIZE];
	MDB_val key = record_val((struct bytes){ v->name, v->name_size });
	MDB_val val = { sizeof(data), data };

	record_put_le64(data, v->id);
	record_put_le64(data + 8, v->count);
	record_put_le32(data + BUCKET_SUM,
	    record_sum(key, data, sizeof(data), BUCKET_SUM));
	return store_lmdb_result(s, "put bucket",
	    mdb_put(v->txn, s->buckets, &key, &val, 0));
}

enum store_result
store_view_write_back(struct store_view *v)
{
	enum store_result result;

	if (!v->changed)
		return STORE_OK;
	if ((result = write_bucket(v)) == STORE_OK)
		v->changed = false;
	return result;
}

static void
know_bucket(struct store_view *v, struct bytes name, uint64_t id,
    uint64_t count)
{
	memcpy(v->name, name.data, name.size);
	v->name_size = name.size;
	v->id = id;
	v->count = count;
	v->known = true;
}

enum store_result
store_find_bucket(struct store_view *v, struct bytes name)
{
	struct store *s = v->store;
	enum store_result result;
	MDB_val key, val;
	int rc;

	if (v->known &&
	    bytes_equal((struct bytes){ v->name, v->name_size }, name))
		return STORE_OK;
	if ((result = store_view_write_back(v)) != STORE_OK)
		return result;
	v->known = false;
	key = record_val(name);
	rc = mdb_get(v->txn, s->buckets, &key, &val);
	if (rc == MDB_NOTFOUND)
		return STORE_NO_BUCKET;
	if (rc != 0)
		return store_lmdb_result(s, "get bucket", rc);
	if (val.mv_size != BUCKET_SIZE ||
	    !record_is_sound(key, val, BUCKET_SUM))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of a bucket's record does not match", s->dir);
	know_bucket(v, name, record_get_le64(val.mv_data),
	    record_get_le64((const uint8_t *)val.mv_data + 8));
	return STORE_OK;
}

/* The next id, never used before nor again. */
static enum store_result
take_id(struct store_view *v, uint64_t *id)
{
	struct store *s = v->store;
	uint8_t data[sizeof(*id)];
	MDB_val key = meta_key("next-bucket"), val;
	int rc;

	rc = mdb_get(v->txn, s->meta, &key, &val);
	if (rc == MDB_NOTFOUND)
		*id = 1;
	else if (rc != 0)
		return store_fail(s, STORE_FAILED, "%s/data.mdb: get id: %s",
		    s->dir, mdb_strerror(rc));
	else if (val.mv_size != sizeof(data))
		return store_fail(s, STORE_DAMAGED,
		    "%s: record of the next bucket's id is damaged", s->dir);
	else
		*id = record_get_le64(val.mv_data);
	record_put_le64(data, *id + 1);
	val = (MDB_val){ sizeof(data), data };
	return store_lmdb_result(s, "put id",
	    mdb_put(v->txn, s->meta, &key, &val, 0));
}

enum store_result
store_create(struct store_view *v, struct bytes name)
{
	struct store *s = v->store;
	enum store_result result;
	uint64_t id = 0;

	result = store_find_bucket(v, name);
	if (result != STORE_NO_BUCKET)
		return result;
	if ((result = store_take_room(s, name.size)) != STORE_OK ||
	    (result = take_id(v, &id)) != STORE_OK)
		return result;
	know_bucket(v, name, id, 0);
	return write_bucket(v);
}

/* Counting is a walk over all that is due: once for all who ask. */
static enum store_result
count_due(struct store_view *v, uint64_t *due)
{
	enum store_result result;

	if (!v->counted || v->due_id != v->id ||
	    v->due_at_ms != v->store->now_ms) {
		result = expiry_count_due(v, v->id, &v->due);
		if (result != STORE_OK)
			return result;
		v->due_id = v->id;
		v->due_at_ms = v->store->now_ms;
		v->counted = !v->writes;
	}
	*due = v->due;
	return STORE_OK;
}

enum store_result
store_count(struct store_view *v, struct bytes bucket, uint64_t *count)
{
	enum store_result result;
	uint64_t due;

	if ((result = store_find_bucket(v, bucket)) != STORE_OK ||
	    (result = count_due(v, &due)) != STORE_OK)
		return result;
	/* Damage may have left rows without an entry. */
	*count = v->count > due ? v->count - due : 0;
	return STORE_OK;
}
