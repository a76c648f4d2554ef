/*
 * store_pin: views that outlive a turn.  Runs in the registry.
 *
 * LMDB wants no transaction to be active when its map is changed, as
 * store_extend() does in a process that is both registry and checkpointer, and
 * store_view_open() where addresses are scarce.  What it wants that for are
 * the pointers into the old map that a transaction's user may hold: read
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
		if (pin->view.open && pin->view.revision == revision)
			return pin;
	return NULL;
}

static enum store_result
new_pin(struct store *s, struct store_pin **result)
{
	enum store_result opened;
	struct store_pin *pin;

	if (s->n_pins == STORE_PINS_MAX)
		return STORE_BUSY;
	if ((pin = calloc(1, sizeof(*pin))) == NULL)
		return store_fail_memory(s, "a snapshot");
	pin->view.store = s;
	if ((opened = store_view_open(&pin->view, s->revision)) != STORE_OK) {
		free(pin);
		return opened;
	}
	pin->view.cacheable = false;
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

	if ((pin = find_pin(s, s->revision)) == NULL)
		result = new_pin(s, &pin);
	if (result != STORE_OK)
		return result;
	pin->holders++;
	*view = &pin->view;
	return STORE_OK;
}

static void
lose(struct store_pin *pin)
{
	store_view_close(&pin->view);
	mdb_txn_abort(pin->view.txn);
	pin->view.txn = NULL;
	pin->view.store->space_is_old = true;
}

static void
free_pin(struct store_pin *pin)
{
	struct store *s = pin->view.store;

	TAILQ_REMOVE(&s->pins, pin, entry);
	s->n_pins--;
	lose(pin);
	free(pin);
}

void
store_unpin(struct store_view *view)
{
	struct store_pin *pin = (struct store_pin *)view;

	if (--pin->holders == 0)
		free_pin(pin);
}

bool
store_pin_is_lost(const struct store_view *view)
{
	return !view->open;
}

void
store_free_pins(struct store *s)
{
	struct store_pin *pin;

	while ((pin = TAILQ_FIRST(&s->pins)) != NULL)
		free_pin(pin);
}

/* Each is of a later commit than those before it. */
static struct store_pin *
oldest_pin(const struct store *s)
{
	struct store_pin *pin;

	TAILQ_FOREACH(pin, &s->pins, entry)
		if (pin->view.open)
			break;
	return pin;
}

/* The bytes of the tables that only pins keep.  A later pin has no older table
 * than an earlier pin, so each table is counted once. */
static size_t
pinned_bytes(const struct store *s)
{
	uint64_t counted = 0;
	const struct table *t;
	struct store_pin *pin;
	size_t bytes = 0;
	int i;

	TAILQ_FOREACH(pin, &s->pins, entry)
		for (i = 1; i >= 0; i--) {
			t = pin->view.tables[i];
			if (t == NULL || t == s->table || t == s->sealed ||
			    t->generation <= counted)
				continue;
			bytes += t->end;
			counted = t->generation;
		}
	return bytes;
}

void
store_lose_pins(struct store *s)
{
	struct store_pin *pin;

	while (pinned_bytes(s) > s->log_size && (pin = oldest_pin(s)) != NULL)
		lose(pin);
}

uint64_t
store_oldest_pin(const struct store *s)
{
	const struct store_pin *pin = oldest_pin(s);

	return pin == NULL ? UINT64_MAX : mdb_txn_id(pin->view.txn);
}
