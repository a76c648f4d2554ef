/*
 * store_pin: views that outlive a turn.  Runs in the registry.
 *
 * LMDB wants no transaction to be active when its map is changed, as
 * store_grow() and store_use_reserve() do.  What it wants that for are the
 * pointers into the old map that a transaction's user may hold: read
 * transactions themselves hold none.  In all of 0.9 a page is found anew each
 * time as env->me_map + number * size (mdb_page_get in mdb.c); a transaction
 * has copies of its databases' roots (mt_dbs) and the number of its last page,
 * which the new map includes (mdb_env_set_mapsize never makes it smaller than
 * the last page of all); the reader's slot lies in lock.mdb, which is another
 * map.  Only cursors keep pointers to pages, and none outlives a call of ours.
 * check_store.c tests it.
 */

#include <stdlib.h>

#include "store/store_lmdb.h"

static struct store_pin *
find_pin(struct store *s, uint64_t revision)
{
	struct store_pin *pin;

	TAILQ_FOREACH(pin, &s->pins, entry)
		if (store_revision(&pin->view) == revision)
			return pin;
	return NULL;
}

static enum store_result
new_pin(struct store *s, struct store_pin **result)
{
	struct store_pin *pin;
	int rc;

	if (s->n_pins == STORE_PINS_MAX)
		return STORE_BUSY;
	if ((pin = calloc(1, sizeof(*pin))) == NULL)
		return store_fail(s, STORE_FAILED, "out of memory");
	rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &pin->view.txn);
	if (rc != 0) {
		free(pin);
		/* Others that read the file may have taken the slots. */
		return rc == MDB_READERS_FULL ? STORE_BUSY :
						store_lmdb_result(s, "pin", rc);
	}
	pin->view.store = s;
	pin->view.open = true;
	TAILQ_INSERT_TAIL(&s->pins, pin, entry);
	s->n_pins++;
	*result = pin;
	return STORE_OK;
}

enum store_result
store_pin(struct store *s, struct store_view **view)
{
	enum store_result result = STORE_OK;
	struct store_pin *pin;
	MDB_envinfo info;
	int rc;

	if ((rc = mdb_env_info(s->env, &info)) != 0)
		return store_lmdb_result(s, "pin", rc);
	if ((pin = find_pin(s, info.me_last_txnid)) == NULL)
		result = new_pin(s, &pin);
	if (result != STORE_OK)
		return result;
	pin->holders++;
	*view = &pin->view;
	return STORE_OK;
}

static void
free_pin(struct store_pin *pin)
{
	struct store *s = pin->view.store;

	TAILQ_REMOVE(&s->pins, pin, entry);
	s->n_pins--;
	mdb_txn_abort(pin->view.txn);
	free(pin);
}

void
store_unpin(struct store_view *view)
{
	struct store_pin *pin = (struct store_pin *)view;

	if (--pin->holders == 0)
		free_pin(pin);
}

void
store_free_pins(struct store *s)
{
	struct store_pin *pin;

	while ((pin = TAILQ_FIRST(&s->pins)) != NULL)
		free_pin(pin);
}

uint64_t
store_oldest_pin(const struct store *s)
{
	const struct store_pin *pin = TAILQ_FIRST(&s->pins);

	/* Each is of a later commit than those before it. */
	return pin == NULL ? UINT64_MAX : store_revision(&pin->view);
}

uint64_t
store_revision(const struct store_view *v)
{
	return mdb_txn_id(v->txn);
}
