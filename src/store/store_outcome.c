/*
 * store_outcome: what a session is still to be told.  Runs in the registry.
 */

#include <endian.h>
#include <string.h>

#include "store/store_record.h"

/* The record is a checksum, and then the caller's bytes. */
#define SUM_SIZE sizeof(uint32_t)

/* Big-endian, so that sessions lie in their order. */
static struct bytes
session_key(uint64_t *buffer, uint64_t session)
{
	*buffer = htobe64(session);
	return (struct bytes){ buffer, sizeof(*buffer) };
}

enum store_result
store_put_outcome(struct store_view *v, uint64_t session, struct bytes record)
{
	uint64_t buffer;
	struct bytes key = session_key(&buffer, session), old;
	enum store_result result;
	uint8_t *p;

	result = layer_get(v, DB_OUTCOMES, key, &old);
	if (result == STORE_ABSENT)
		v->store->counts.totals.outcomes++;
	else if (result != STORE_OK)
		return result;
	result = layer_put(v, DB_OUTCOMES, key, SUM_SIZE + record.size, &p);
	if (result != STORE_OK)
		return result;
	if (record.size > 0) /* then data may be NULL */
		memcpy(p + SUM_SIZE, record.data, record.size);
	record_put_le32(p, record_sum(key, p, SUM_SIZE + record.size, 0));
	return STORE_OK;
}

enum store_result
store_get_outcome(struct store_view *v, uint64_t session, struct bytes *record)
{
	struct store *s = v->store;
	uint64_t buffer;
	struct bytes key = session_key(&buffer, session), stored;
	enum store_result result;

	result = layer_get(v, DB_OUTCOMES, key, &stored);
	if (result != STORE_OK)
		return result;
	if (!record_is_sound(key, stored, 0))
		return store_fail(s, STORE_DAMAGED,
		    "%s: checksum of a session's outcomes does not match",
		    s->dir);
	record->data = (const uint8_t *)stored.data + SUM_SIZE;
	record->size = stored.size - SUM_SIZE;
	return STORE_OK;
}

enum store_result
store_delete_outcome(struct store_view *v, uint64_t session)
{
	uint64_t buffer;
	struct bytes key = session_key(&buffer, session), old;
	enum store_result result;

	result = layer_get(v, DB_OUTCOMES, key, &old);
	if (result != STORE_OK)
		return result == STORE_ABSENT ? STORE_OK : result;
	v->store->counts.totals.outcomes--;
	return layer_delete(v, DB_OUTCOMES, key);
}

enum store_result
store_next_outcome(struct store_view *v, uint64_t *session)
{
	struct layer_cursor cursor;
	enum store_result result;
	uint64_t buffer;

	if (*session == UINT64_MAX)
		return STORE_ABSENT;
	result = layer_seek(&cursor, v, DB_OUTCOMES,
	    session_key(&buffer, *session + 1));
	if (result == STORE_OK && cursor.key.size != sizeof(buffer))
		result = store_lmdb_result(v->store, "outcomes", MDB_CORRUPTED);
	if (result == STORE_OK) {
		memcpy(&buffer, cursor.key.data, sizeof(buffer));
		*session = be64toh(buffer);
	}
	layer_end(&cursor);
	return result;
}
