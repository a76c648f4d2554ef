/*
 * store_layer: what a view sees: the newest of table, sealed table and data.mdb
 * that knows a key.  Runs in the registry.
 *
 * A fold moves records from the sealed table to LMDB, whatever a view is
 * doing: what LMDB has of them already lies under what the table has.
 */

#include <string.h>

#include "store/store_record.h"

/* What a table has of the key, or NULL; and its place in the first. */
static const struct table_record *
find_in_tables(const struct store_view *v, enum table_db db, struct bytes key,
    struct table_place *place)
{
	struct table *const *t = v->tables;
	uint32_t hash = table_hash(t[0], db, key);
	const struct table_record *r;
	struct table_place below;

	if (t[1] != NULL)
		table_prefetch(t[1], hash);
	*place = table_place_hashed(t[0], db, key, hash);
	r = table_get(t[0], place, v->revision);
	if (r != NULL || t[1] == NULL)
		return r;
	below = table_place_hashed(t[1], db, key, hash);
	return table_get(t[1], &below, v->revision);
}

enum store_result
layer_find_in_tables(struct store_view *v, enum table_db db, struct bytes key,
    struct table_place *place, struct bytes *value, bool *known)
{
	const struct table_record *r = find_in_tables(v, db, key, place);

	*known = r != NULL;
	if (r == NULL || r->deleted)
		return STORE_ABSENT;
	*value = table_record_value(r);
	return STORE_OK;
}

enum store_result
layer_get_from_data(struct store_view *v, enum table_db db, struct bytes key,
    struct bytes *value)
{
	struct tree_cursor c;
	int rc = tree_find(&c, &v->data.map, &v->data.trees[db], key);

	if (rc == -1)
		return store_fail_page(v->store, &c);
	if (rc == 0)
		return STORE_ABSENT;
	*value = tree_value(&c);
	return STORE_OK;
}

enum store_result
layer_find(struct store_view *v, enum table_db db, struct bytes key,
    struct table_place *place, struct bytes *value)
{
	enum store_result result;
	bool known;

	result = layer_find_in_tables(v, db, key, place, value, &known);
	return known ? result : layer_get_from_data(v, db, key, value);
}

enum store_result
layer_get(struct store_view *v, enum table_db db, struct bytes key,
    struct bytes *value)
{
	struct table_place place;

	return layer_find(v, db, key, &place, value);
}

static enum store_result
put(struct store_view *v, const struct table_place *place, size_t value_size,
    bool deleted, uint8_t **value)
{
	struct store *s = v->store;
	size_t limit = s->table->commit + store_log_commit_max(s);

	if (s->saved.open)
		limit = s->savepoint.table.end + store_log_commit_max(s) / 2;
	if (limit > s->table->capacity)
		limit = s->table->capacity;
	*value = table_put(s->table, place, value_size, deleted, limit);
	return *value == NULL ? STORE_TOO_LARGE : STORE_OK;
}

enum store_result
layer_put_at(struct store_view *v, const struct table_place *place,
    size_t value_size, uint8_t **value)
{
	return put(v, place, value_size, false, value);
}

enum store_result
layer_delete_at(struct store_view *v, const struct table_place *place)
{
	uint8_t *none;

	return put(v, place, 0, true, &none);
}

enum store_result
layer_put(struct store_view *v, enum table_db db, struct bytes key,
    size_t value_size, uint8_t **value)
{
	const struct table_place place = table_place(v->tables[0], db, key);

	return layer_put_at(v, &place, value_size, value);
}

enum store_result
layer_delete(struct store_view *v, enum table_db db, struct bytes key)
{
	const struct table_place place = table_place(v->tables[0], db, key);

	return layer_delete_at(v, &place);
}

/* Leaves out the keys that the table has only later versions of. */
static struct table_key *
skip_unseen(const struct store_view *v, size_t i, struct table_key *k)
{
	while (k != NULL && table_version(v->tables[i], k, v->revision) == NULL)
		k = table_after(v->tables[i], k);
	return k;
}

/* The cursor of data.mdb has moved. */
static enum store_result
data_moved(struct layer_cursor *c, int rc)
{
	c->in_data = rc == 1;
	if (rc == -1)
		return store_fail_page(c->view->store, &c->tree);
	if (rc == 1) {
		c->data_key = tree_key(&c->tree);
		if (c->data_key.size > store_key_max(c->db)) {
			c->in_data = false;
			return store_fail(c->view->store, STORE_FAILED,
			    "%s/data.mdb: a key is too long: the page that has "
			    "it is damaged",
			    c->view->store->dir);
		}
		c->data_value = tree_value(&c->tree);
	}
	return STORE_OK;
}

static enum store_result
seek_data(struct layer_cursor *c, struct bytes from)
{
	const struct store_trees *data = &c->view->data;

	return data_moved(c,
	    tree_seek(&c->tree, &data->map, &data->trees[c->db], from));
}

static struct bytes
key_at(const struct layer_cursor *c, size_t i)
{
	return table_record_key(table_newest(c->view->tables[i], c->at[i]));
}

/* The lowest key of all; false: there is none. */
static bool
lowest_key(struct layer_cursor *c)
{
	struct bytes key;
	bool found = c->in_data;
	size_t i;

	if (found)
		c->key = c->data_key;
	for (i = 0; i < 2; i++) {
		if (c->at[i] == NULL)
			continue;
		key = key_at(c, i);
		if (!found || bytes_compare(key, c->key) < 0)
			c->key = key;
		found = true;
	}
	return found;
}

/* Was the record written by the batch, which this view shows? */
static bool
is_of_batch(const struct store_view *v, const struct table *t,
    const struct table_record *r)
{
	return v->writes && table_revision(t, r) == v->revision;
}

/*
 * Takes the key where it is from all that have it, and its value from the
 * first.  *absent: that says that there is none.
 */
static enum store_result
take_key(struct layer_cursor *c, bool *absent)
{
	const struct table_record *r, *found = NULL;
	struct table *t;
	size_t i;

	c->is_new = false;
	for (i = 0; i < 2; i++) {
		if (c->at[i] == NULL || !bytes_equal(key_at(c, i), c->key))
			continue;
		t = c->view->tables[i];
		r = table_version(t, c->at[i], c->view->revision);
		if (found == NULL && c->all)
			c->is_new = is_of_batch(c->view, t, r);
		found = found == NULL ? r : found;
		c->at[i] = skip_unseen(c->view, i, table_after(t, c->at[i]));
	}
	*absent = found != NULL && found->deleted;
	if (found != NULL)
		c->value = table_record_value(found);
	if (!c->in_data || !bytes_equal(c->data_key, c->key))
		return STORE_OK;
	if (found == NULL)
		c->value = c->data_value;
	return data_moved(c, tree_next(&c->tree));
}

enum store_result
layer_next(struct layer_cursor *c)
{
	enum store_result result;

	do {
		if (!lowest_key(c))
			return STORE_ABSENT;
		if ((result = take_key(c, &c->deleted)) != STORE_OK)
			return result;
	} while (c->deleted && !c->all);
	return STORE_OK;
}

static enum store_result
seek(struct layer_cursor *c, struct store_view *v, enum table_db db,
    struct bytes from, bool all)
{
	enum store_result result;
	size_t i;

	c->view = v;
	c->db = db;
	c->at[0] = c->at[1] = NULL;
	c->all = all;
	if ((result = seek_data(c, from)) != STORE_OK)
		return result;
	for (i = 0; i < 2 && v->tables[i] != NULL; i++)
		c->at[i] =
		    skip_unseen(v, i, table_seek(v->tables[i], db, from));
	return layer_next(c);
}

enum store_result
layer_seek(struct layer_cursor *c, struct store_view *v, enum table_db db,
    struct bytes from)
{
	return seek(c, v, db, from, false);
}

enum store_result
layer_seek_all(struct layer_cursor *c, struct store_view *v, enum table_db db,
    struct bytes from)
{
	return seek(c, v, db, from, true);
}

void
layer_end(struct layer_cursor *c)
{
	c->in_data = false;
}
