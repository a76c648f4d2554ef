/*
 * Builds a data.mdb from records that come in order, under the name data.new.
 * It is as small as it can be.  Nothing of it is a store before build_finish().
 */

#ifndef STORE_STORE_BUILD_H
#define STORE_STORE_BUILD_H

#include "store/store_record.h"

#define BUILD_NAME "data.new"

struct store_build {
	struct store store; /* only for its databases */
	MDB_env *env;
	MDB_txn *txn;
	struct sizes_count sizes;
	MDB_cursor *cursor; /* of the database `db` */
	unsigned int db;
	size_t bytes; /* that the transaction has put */
	bool counts; /* the records have no sizes of buckets: it makes them */
	size_t map_size, page_size;
};

/* All return 0 or one of LMDB's codes.  build_close() is due however it
 * goes. */
int build_open(struct store_build *, const char *dir);
/* Puts a record behind those that its database has.  MDB_KEYEXIST: it does not
 * belong behind them. */
int build_put(struct store_build *, unsigned int db, struct bytes key,
    struct bytes value);
/* Makes it a store, and durable. */
int build_finish(struct store_build *, const struct fold_state *);
void build_close(struct store_build *);

/* Is a row of `meta` one that a copy makes anew? */
bool build_makes_row(struct bytes key);

#endif
