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

/* The size of a new data file, and the smallest step of growth. */
#define STORE_SIZE_MIN ((size_t)4 << 20)

/*
 * A transaction of LMDB, and the bucket that was last used in it: successive
 * requests for one bucket look it up once, and write its counter once.
 */
struct store_view {
	struct store *store;
	MDB_txn *txn;
	bool open;
	bool writes;
	/* It shows the latest data, so it may use the cache: the batch does,
	 * and the snapshot until the next commit. */
	bool cacheable;

	bool known; /* the fields below, up to `name`, are valid */
	bool changed; /* `count` has to be written back */
	uint64_t id;
	uint64_t count; /* entries of the bucket, including expired ones */
	size_t name_size;
	char name[UINT8_MAX];

	/* The fields below are valid.  Only for views that do not write. */
	bool counted;
	uint64_t due_id; /* a bucket */
	int64_t due_at_ms; /* a time */
	uint64_t due; /* entries of that bucket that had expired by then */
};

struct store_pin {
	struct store_view view; /* first: store_unpin() gets its address */
	TAILQ_ENTRY(store_pin) entry;
	unsigned int holders;
};
TAILQ_HEAD(store_pins, store_pin);

struct store {
	MDB_env *env;
	MDB_dbi meta, buckets, entries, expiries, dropped, outcomes;
	struct store_view snapshot, batch;
	struct store_view saved; /* the batch at the savepoint, if open */
	size_t saved_room; /* `room` at the savepoint */
	struct store_cache *cache; /* of records of `entries`; NULL: off */
	size_t cache_size;
	uint64_t cache_hits, cache_misses;
	struct store_pins pins;
	unsigned int n_pins;
	int64_t now_ms;
	int fd; /* of data.mdb, and owned by LMDB; -1: not open */
	int dirfd, lockfd;
	size_t allocated; /* bytes of data.mdb that have disk space */
	size_t page_size;
	size_t room; /* pages that this batch may take; SIZE_MAX: no limit */
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

/* STORE_FAILED if the error, an errno or one of LMDB's codes, may go away by
 * itself, else STORE_REFUSED. */
enum store_result store_refusal(int rc);
/* Opens and locks the data directory, and says how large data.mdb is. */
enum store_result store_open_directory(struct store *,
    const struct store_options *);
/* Checks that the data.mdb that was opened is the one of options.identity. */
enum store_result store_identify(struct store *, const struct store_options *);
/* Makes the names in the data directory, and that of the directory, durable. */
enum store_result store_sync_directory(struct store *);

/* store_space.c */

/* Size of data.mdb, which is open. */
enum store_result store_data_size(struct store *, size_t *size);
/* Allocates `size` bytes of disk space for data.mdb, after the first `from`.
 * False: the disk has no such space. */
bool store_allocate(const struct store *, size_t from, size_t size);
/* The size of the map without the reserve. */
size_t store_map_limit(const struct store *);
/* One past the last page that has ever been used. */
size_t store_used_pages(const struct store *);
/* Sets `room` at the start of a batch. */
enum store_result store_measure_room(struct store *);
/* Subtracts a write of `size` bytes from `room`.  STORE_FULL: what is left is
 * needed for deleting. */
enum store_result store_take_room(struct store *, size_t size);

/* store_pin.c */

/* The oldest commit that a pin shows, or UINT64_MAX without pins. */
uint64_t store_oldest_pin(const struct store *);
void store_free_pins(struct store *);

/* store_bucket.c */

/* These two return LMDB's codes. */
int store_put_format(struct store *, MDB_txn *);
int store_get_format(struct store *, MDB_txn *, uint32_t *format);
/* Looks up a bucket, and makes it the known bucket of the view. */
enum store_result store_find_bucket(struct store_view *, struct bytes name);
/* Writes back the count of the known bucket, if it has changed. */
enum store_result store_view_write_back(struct store_view *);
/* The transaction has ended: the view has no known bucket. */
void store_view_forget(struct store_view *);

#endif
