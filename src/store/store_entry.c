/*
 * store_entry: what is in the store.  Numbers on disk are little-endian,
 * but for a bucket's id in front of a key, which is big-endian so that the
 * keys of a bucket lie together.
 *
 *	meta	 "format" -> u32
 *		 "next-bucket" -> u64, the id of the next bucket
 *	buckets	 name -> u64 id, u64 keys, u32 checksum
 *	entries	 u64 id, key -> u64 revision, u64 expiry, u32 checksum, value
 *	outcomes u64 session -> u32 checksum, reply frames (store_outcome.c)
 *
 * A checksum is a CRC-32C over the record's key and the rest of the record.
 * The revision is the number of the commit that wrote the entry; the expiry
 * is in milliseconds since 1970, or 0.
 */

#include <endian.h>
#include <string.h>

#include "store/store_record.h"

#define BUCKET_SIZE 20
#define BUCKET_SUM 16 /* where the checksum is */
#define ENTRY_HEADER 20
#define ENTRY_SUM 16

struct entry_key {
	uint8_t data[sizeof(uint64_t) + UINT8_MAX];
	MDB_val val;
};

static MDB_val
meta_key(const char *name)
{
	return record_val((struct bytes){ name, strlen(name) });
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
	v->open = v->known = v->changed = false;
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

/* Makes `name` the view's known bucket. */
static enum store_result
find_bucket(struct store_view *v, struct bytes name)
{
	struct store *s = v->store;
	enum store_result result;
	MDB_val key, val;
	int rc;

	if (v->known && v->name_size == name.size &&
	    memcmp(v->name, name.data, name.size) == 0)
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

	result = find_bucket(v, name);
	if (result != STORE_NO_BUCKET)
		return result;
	if ((result = store_take_room(s, name.size)) != STORE_OK ||
	    (result = take_id(v, &id)) != STORE_OK)
		return result;
	know_bucket(v, name, id, 0);
	return write_bucket(v);
}

static void
make_key(struct entry_key *k, const struct store_view *v, struct bytes key)
{
	uint64_t id = htobe64(v->id);

	memcpy(k->data, &id, sizeof(id));
	memcpy(k->data + sizeof(id), key.data, key.size);
	k->val.mv_data = k->data;
	k->val.mv_size = sizeof(id) + key.size;
}

enum store_result
store_get(struct store_view *v, struct bytes bucket, struct bytes key,
    struct bytes *value)
{
	struct store *s = v->store;
	enum store_result result;
	struct entry_key k;
	MDB_val val;
	int rc;

	if ((result = find_bucket(v, bucket)) != STORE_OK)
		return result;
	make_key(&k, v, key);
	rc = mdb_get(v->txn, s->entries, &k.val, &val);
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc != 0)
		return store_lmdb_result(s, "get", rc);
	if (!record_is_sound(k.val, val, ENTRY_SUM))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of an entry of bucket %llu does not match",
		    s->dir, (unsigned long long)v->id);
	value->data = (const uint8_t *)val.mv_data + ENTRY_HEADER;
	value->size = val.mv_size - ENTRY_HEADER;
	return STORE_OK;
}

static void
fill_entry(MDB_val key, MDB_val val, uint64_t revision, struct bytes value)
{
	uint8_t *p = val.mv_data;

	record_put_le64(p, revision);
	record_put_le64(p + 8, 0);
	if (value.size > 0) /* then data may be NULL */
		memcpy(p + ENTRY_HEADER, value.data, value.size);
	record_put_le32(p + ENTRY_SUM,
	    record_sum(key, p, val.mv_size, ENTRY_SUM));
}

enum store_result
store_put(struct store_view *v, struct bytes bucket, struct bytes key,
    struct bytes value)
{
	struct store *s = v->store;
	enum store_result result;
	struct entry_key k;
	MDB_val val;
	bool added = true;
	int rc;

	if ((result = find_bucket(v, bucket)) != STORE_OK ||
	    (result = store_take_room(s, key.size + value.size)) != STORE_OK)
		return result;
	make_key(&k, v, key);
	val.mv_size = ENTRY_HEADER + value.size;
	rc = mdb_put(v->txn, s->entries, &k.val, &val,
	    MDB_RESERVE | MDB_NOOVERWRITE);
	if (rc == MDB_KEYEXIST) {
		added = false;
		val.mv_size = ENTRY_HEADER + value.size;
		rc = mdb_put(v->txn, s->entries, &k.val, &val, MDB_RESERVE);
	}
	if (rc != 0)
		return store_lmdb_result(s, "put", rc);
	fill_entry(k.val, val, mdb_txn_id(v->txn), value);
	if (added) {
		v->count++;
		v->changed = true;
	}
	return STORE_OK;
}

enum store_result
store_delete(struct store_view *v, struct bytes bucket, struct bytes key)
{
	struct store *s = v->store;
	enum store_result result;
	struct entry_key k;
	int rc;

	if ((result = find_bucket(v, bucket)) != STORE_OK)
		return result;
	make_key(&k, v, key);
	rc = mdb_del(v->txn, s->entries, &k.val, NULL);
	if (rc == MDB_NOTFOUND)
		return STORE_OK;
	if (rc != 0)
		return store_lmdb_result(s, "delete", rc);
	v->count--;
	v->changed = true;
	return STORE_OK;
}
