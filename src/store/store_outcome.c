/*
 * store_outcome: what a session is still to be told.  Runs in the registry.
 */

#include <endian.h>
#include <string.h>

#include "store/store_record.h"

/* The record is a checksum, and then the caller's bytes. */
#define SUM_SIZE sizeof(uint32_t)

/* Big-endian, so that sessions lie in their order. */
static MDB_val
session_key(uint64_t *buffer, uint64_t session)
{
	*buffer = htobe64(session);
	return record_val((struct bytes){ buffer, sizeof(*buffer) });
}

enum store_result
store_put_outcome(struct store_view *v, uint64_t session, struct bytes record)
{
	struct store *s = v->store;
	uint64_t buffer;
	MDB_val key = session_key(&buffer, session);
	MDB_val val = { .mv_size = SUM_SIZE + record.size };
	uint8_t *p;
	int rc;

	rc = mdb_put(v->txn, s->outcomes, &key, &val, MDB_RESERVE);
	if (rc != 0)
		return store_lmdb_result(s, "put outcome", rc);
	p = val.mv_data;
	if (record.size > 0) /* then data may be NULL */
		memcpy(p + SUM_SIZE, record.data, record.size);
	record_put_le32(p, record_sum(key, p, val.mv_size, 0));
	return STORE_OK;
}

enum store_result
store_get_outcome(struct store_view *v, uint64_t session, struct bytes *record)
{
	struct store *s = v->store;
	uint64_t buffer;
	MDB_val key = session_key(&buffer, session), val;
	int rc;

	rc = mdb_get(v->txn, s->outcomes, &key, &val);
	if (rc == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (rc != 0)
		return store_lmdb_result(s, "get outcome", rc);
	if (!record_is_sound(key, val, 0))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of a session's outcomes does not match",
		    s->dir);
	record->data = (const uint8_t *)val.mv_data + SUM_SIZE;
	record->size = val.mv_size - SUM_SIZE;
	return STORE_OK;
}

enum store_result
store_delete_outcome(struct store_view *v, uint64_t session)
{
	struct store *s = v->store;
	uint64_t buffer;
	MDB_val key = session_key(&buffer, session);
	int rc;

	rc = mdb_del(v->txn, s->outcomes, &key, NULL);
	return rc == MDB_NOTFOUND ? STORE_OK :
				    store_lmdb_result(s, "delete outcome", rc);
}

enum store_result
store_next_outcome(struct store_view *v, uint64_t *session)
{
	struct store *s = v->store;
	uint64_t buffer;
	MDB_val key = session_key(&buffer, *session + 1), val;
	MDB_cursor *cursor;
	int rc;

	if (*session == UINT64_MAX)
		return STORE_ABSENT;
	if ((rc = mdb_cursor_open(v->txn, s->outcomes, &cursor)) != 0)
		return store_lmdb_result(s, "outcomes", rc);
	rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
	if (rc == 0 && key.mv_size != sizeof(buffer))
		rc = MDB_CORRUPTED;
	if (rc == 0) {
		memcpy(&buffer, key.mv_data, sizeof(buffer));
		*session = be64toh(buffer);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? STORE_ABSENT :
				    store_lmdb_result(s, "outcomes", rc);
}
