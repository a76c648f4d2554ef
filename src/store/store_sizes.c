/*
 * store_sizes: how many bytes the entries of each bucket have in data.mdb.  Runs
 * in the checkpointer, and in kvd-maintain, which makes copies.
 *
 * A row of `meta` for each bucket that has had entries there.  It is changed by
 * the transaction that changes the entries, so it is exact at any time,
 * whatever the log has besides; and where entries are missing, or others are in
 * their place, it says something else than what is found.
 */

#include <errno.h>

#include "store/store_record.h"

static const char name[] = SIZES_NAME;

uint64_t
sizes_of_entry(struct bytes key, struct bytes value)
{
	return (key.size > ID_SIZE ? key.size - ID_SIZE : 0) +
	    (value.size > ENTRY_HEADER ? value.size - ENTRY_HEADER : 0);
}

int
sizes_add(struct store *s, MDB_txn *txn, uint64_t id, uint64_t bytes)
{
	return bytes == 0 ? 0 : numbers_add(s, txn, name, id, bytes);
}

int
sizes_forget(struct store *s, MDB_txn *txn, uint64_t id)
{
	int rc = numbers_forget(s, txn, name, id);

	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
sizes_count_entry(struct sizes_count *c, struct bytes key, struct bytes value)
{
	uint64_t id;
	int rc;

	if (key.size <= ID_SIZE)
		return 0;
	id = record_get_be64(key.data);
	if (id != c->id && (rc = sizes_count_end(c)) != 0)
		return rc;
	c->id = id;
	c->bytes += sizes_of_entry(key, value);
	return 0;
}

int
sizes_count_end(struct sizes_count *c)
{
	uint64_t bytes = c->bytes;

	c->bytes = 0;
	return bytes == 0 ? 0 :
			    numbers_put(c->store, *c->txn, name, c->id, bytes);
}

/* A walk through the entries of an older store. */
struct walk {
	struct sizes_count count;
	int rc;
};

static bool
visit(void *arg, struct bytes key, struct bytes value)
{
	struct walk *w = arg;

	store_stay_alive(w->count.store);
	w->rc = sizes_count_entry(&w->count, key, value);
	return w->rc == 0;
}

/* What cannot be read is found as damage by whoever reads it. */
static void
ignore(void *arg, size_t page, const char *what)
{
	(void)arg;
	(void)page;
	(void)what;
}

int
sizes_count_all(struct store *s, MDB_txn *txn)
{
	struct walk w = { .count = { .store = s, .txn = &txn } };
	struct pages_tree tree;
	struct pages p;
	int rc = 0;

	errno = 0;
	if (pages_open(&p, s->fd, mdb_txn_id(txn) - 1) != NULL)
		rc = errno != 0 ? errno : MDB_CORRUPTED;
	else if (pages_find_tree(&p, store_tree_names[DB_ENTRIES], &tree) == 1)
		(void)pages_walk(&p, &tree, PAGES_BYTES, visit, ignore, &w);
	pages_close(&p);
	if (rc == 0)
		rc = w.rc;
	return rc == 0 ? sizes_count_end(&w.count) : rc;
}
