/*
 * Inside the store: what its files share.  The only file that includes
 * lmdb.h.
 */

#ifndef STORE_STORE_LMDB_H
#define STORE_STORE_LMDB_H

#include <sys/queue.h>

#include <lmdb.h>

#include "store/store.h"
#include "store/store_cache.h"

/* Of a new data file, and smallest step of growth. */
#define STORE_SIZE_MIN ((size_t)4 << 20)

/*
 * A transaction, and the bucket last used in it: a run of requests on one
 * bucket looks it up once, and writes its counter once.
 */
struct store_view {
	struct store *store;
	MDB_txn *txn;
	bool open;
	bool writes;
	bool cacheable; /* the batch; the snapshot until the next commit */

	bool known; /* the fields below are valid */
	bool changed; /* count is to be written back */
	uint64_t id;
	uint64_t count; /* entries of the bucket, expired ones as well */
	size_t name_size;
	char name[UINT8_MAX];

	bool counted; /* the fields below are valid; reading views only */
	uint64_t due_id; /* of this bucket, */
	int64_t due_at_ms; /* at this time, */
	uint64_t due; /* so many entries had expired */
};

struct store_pin {
	struct store_view view; /* first: store_unpin() is given this */
	TAILQ_ENTRY(store_pin) entry;
	unsigned int holders;
};
TAILQ_HEAD(store_pins, store_pin);

struct store {
	MDB_env *env;
	MDB_dbi meta, buckets, entries, expiries, dropped, outcomes;
	struct store_view snapshot, batch;
	struct store_view saved; /* the batch at the savepoint, if open */
	size_t saved_room;
	struct store_cache *cache; /* of records of `entries`; or NULL */
	size_t cache_size;
	uint64_t cache_hits, cache_misses;
	struct store_pins pins;
	unsigned int n_pins;
	int64_t now_ms;
	int fd; /* of data.mdb; LMDB's; -1: not open */
	int dirfd, lockfd;
	size_t allocated; /* bytes of data.mdb that are sure to be there */
	size_t page_size;
	size_t room; /* pages that this batch may take; SIZE_MAX: any */
	int sync_ms;
	bool unsynced;
	uint64_t identity[2];
	char *dir;
	char error[512];
};

enum store_result store_fail(struct store *, enum store_result,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
enum store_result store_lmdb_result(struct store *, const char *what, int rc);

/* store_directory.c */

/* STORE_FAILED when what an errno or LMDB's code says may be over by itself,
 * else STORE_REFUSED. */
enum store_result store_refusal(int rc);
/* Opens and locks the data directory, and says how large data.mdb is. */
enum store_result store_open_directory(struct store *,
    const struct store_options *);
/* Is what was opened the data.mdb that it should be? */
enum store_result store_identify(struct store *, const struct store_options *);
/* Makes the names in the data directory, and its own, durable. */
enum store_result store_sync_directory(struct store *);

/* store_space.c */

/* Size of data.mdb, which is open. */
enum store_result store_data_size(struct store *, size_t *size);
/* Takes `size` bytes of the disk for data.mdb.  False: there are none. */
bool store_allocate(const struct store *, size_t from, size_t size);
/* Where the map ends when the reserve is not to be used. */
size_t store_map_limit(const struct store *);
/* One past the last page that has ever been used. */
size_t store_used_pages(const struct store *);
/* Sets `room` for the batch that has begun. */
enum store_result store_measure_room(struct store *);
/* A write is about to take `size` bytes more.  STORE_FULL: they are needed
 * for deleting. */
enum store_result store_take_room(struct store *, size_t size);

/* store_pin.c */

/* The oldest commit that a pin shows, or UINT64_MAX. */
uint64_t store_oldest_pin(const struct store *);
void store_free_pins(struct store *);

/* store_bucket.c: the first two return LMDB's codes. */
int store_put_format(struct store *, MDB_txn *);
int store_get_format(struct store *, MDB_txn *, uint32_t *format);
/* Makes `name` the view's known bucket. */
enum store_result store_find_bucket(struct store_view *, struct bytes name);
/* Writes the known bucket's counter. */
enum store_result store_view_write_back(struct store_view *);
/* The transaction has ended. */
void store_view_forget(struct store_view *);

#endif
