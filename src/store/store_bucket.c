/*
 * store_bucket: names of buckets, their ids and counters.
 * Runs in the registry.
 */

/* Which of two strnvis(3) is not used here. */
#define LIBBSD_OPENBSD_VIS
#include <string.h>
#include <vis.h>

#include "store/store_record.h"

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
	return mdb_put(txn, s->dbi[DB_META], &key, &val, 0);
}

int
store_get_format(struct store *s, MDB_txn *txn, uint32_t *format)
{
	MDB_val key = meta_key("format"), val;
	int rc;

	rc = mdb_get(txn, s->dbi[DB_META], &key, &val);
	if (rc == 0 && val.mv_size != sizeof(*format))
		return MDB_INVALID;
	if (rc == 0)
		*format = record_get_le32(val.mv_data);
	return rc;
}

static enum store_result
write_bucket(struct store_view *v)
{
	struct bytes key = { v->name, v->name_size };
	enum store_result result;
	uint8_t *data;

	result = layer_put(v, DB_BUCKETS, key, BUCKET_SIZE, &data);
	if (result != STORE_OK)
		return result;
	record_put_le64(data, v->id);
	record_put_le64(data + 8, v->count);
	record_put_le32(data + BUCKET_SUM,
	    record_sum(key, data, BUCKET_SIZE, BUCKET_SUM));
	return STORE_OK;
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
	v->looks = v->writes && count_is_watched(v->store, id);
	v->known = true;
	memcpy(v->store->used.name, name.data, name.size);
	v->store->used.name_size = name.size;
	v->store->used.id = id;
}

static enum store_result
fail_damaged(struct store *s, struct bytes name)
{
	char shown[4 * UINT8_MAX + 1];

	(void)strvisx(shown, name.data, name.size, VIS_WHITE | VIS_OCTAL);
	return store_fail(s, STORE_DAMAGED,
	    "bucket %.200s: pages of it are damaged: see kvd(8), After a "
	    "damaged disk",
	    shown);
}

enum store_result
store_find_bucket(struct store_view *v, struct bytes name)
{
	enum store_result result;
	struct bytes record;
	uint64_t id;

	if (v->known &&
	    bytes_equal((struct bytes){ v->name, v->name_size }, name))
		return STORE_OK;
	if ((result = store_view_write_back(v)) != STORE_OK)
		return result;
	v->known = false;
	result = layer_get(v, DB_BUCKETS, name, &record);
	if (result != STORE_OK)
		return result == STORE_ABSENT ? STORE_NO_BUCKET : result;
	if (record.size != BUCKET_SIZE ||
	    !record_is_sound(name, record, BUCKET_SUM))
		return store_fail(v->store, STORE_DAMAGED,
		    "%s: checksum of a bucket's record does not match",
		    v->store->dir);
	id = record_get_le64(record.data);
	if (store_is_damaged(v->store, id))
		return fail_damaged(v->store, name);
	know_bucket(v, name, id,
	    record_get_le64((const uint8_t *)record.data + 8));
	return STORE_OK;
}

enum store_result
store_count_damaged(struct store *s)
{
	struct bytes all = { NULL, 0 };
	enum store_result result;
	struct store_view *v;
	struct layer_cursor c;

	if (s->damage == NULL)
		return STORE_OK;
	if ((result = store_snapshot(s, &v)) != STORE_OK)
		return result;
	for (result = layer_seek(&c, v, DB_BUCKETS, all); result == STORE_OK;
	     result = layer_next(&c))
		if (c.value.size != BUCKET_SIZE ||
		    !record_is_sound(c.key, c.value, BUCKET_SUM) ||
		    damage_has(s->damage, record_get_le64(c.value.data)))
			s->counts.damaged++;
	layer_end(&c);
	store_release(s);
	return result == STORE_ABSENT ? STORE_OK : result;
}

/* The next id, never used before nor again. */
static enum store_result
take_id(struct store_view *v, uint64_t *id)
{
	struct store *s = v->store;
	struct bytes key = bytes_from_text("next-bucket"), record;
	enum store_result result;
	uint8_t *data;

	*id = 1;
	result = layer_get(v, DB_META, key, &record);
	if (result == STORE_OK && record.size != sizeof(*id))
		return store_fail(s, STORE_DAMAGED,
		    "%s: record of the next bucket's id is damaged", s->dir);
	if (result == STORE_OK)
		*id = record_get_le64(record.data);
	else if (result != STORE_ABSENT)
		return result;
	if (store_is_damaged(s, *id))
		return store_fail(s, STORE_DAMAGED,
		    "%s/data.mdb: there is no place for a new bucket: its last "
		    "page is damaged",
		    s->dir);
	result = layer_put(v, DB_META, key, sizeof(*id), &data);
	if (result != STORE_OK)
		return result;
	record_put_le64(data, *id + 1);
	if (v->new_from == 0)
		v->new_from = *id;
	return STORE_OK;
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
	if ((result = store_take_space(s, name.size + BUCKET_SIZE, 0)) !=
		STORE_OK ||
	    (result = store_take_space(s, SIZES_ROW, 0)) != STORE_OK ||
	    (result = take_id(v, &id)) != STORE_OK)
		return result;
	area_writer_forget_name(s->area, name);
	know_bucket(v, name, id, 0);
	s->counts.totals.buckets++;
	return write_bucket(v);
}
