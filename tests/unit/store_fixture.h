/*
 * store_fixture: the functions that the tests of the store share.  Each test
 * has a store in a directory of its own; the functions fill the store and read
 * or damage its data file.  They fail the running test, except for those that
 * return a result.
 */

#ifndef UNIT_STORE_FIXTURE_H
#define UNIT_STORE_FIXTURE_H

#include <sys/resource.h>
#include <sys/types.h>

#include <lmdb.h>
#include <stdbool.h>

#include "store/store.h"
#include "suite.h"

#define LOG_SIZE ((size_t)32 << 20)
#define CACHE_SIZE ((size_t)96 << 10)

#define B(text) UNIT_BYTES(text)

/* This struct is global because setup functions have no argument. */
struct store_fixture {
	char base[256];
	/* This is a subdirectory of base; store_open creates it. */
	char dir[300];
	char file[320]; /* This is dir/data.mdb. */
	struct store *store;
	bool open; /* The last store_open() succeeded. */
	size_t log_size;
	/* This is the limit as it was before the test. */
	struct rlimit file_size;
	pid_t owner; /* This is a child that teardown kills, or 0. */
};
extern struct store_fixture fx;

/* This row of the table of tests begins a case in which each test has a store
 * of its own. */
#define STORE_CASE(name)                                                    \
	{                                                                   \
		.case_name = (name), .setup = store_setup,                  \
		.teardown = store_teardown, .setup_case = store_setup_case, \
		.teardown_case = store_teardown_case                        \
	}
void store_setup(void);
void store_teardown(void);
void store_setup_case(void);
void store_teardown_case(void);

struct bytes text(const char *);

enum store_result try_open_waiting(int sync_ms, int lock_wait_ms);
enum store_result try_open(int sync_ms);
void assert_ok(enum store_result);
/* This opens the store without syncing, which is faster; few tests need
 * syncing. */
void open_store(void);
/* This opens the store without syncing and creates the bucket "b". */
void open_with_bucket(void);
void close_store(void);

struct store_view *batch(void);
/* store_use_reserve(), and as much as possible is folded. */
void use_reserve(bool use);
struct store_view *snapshot(void);
/* This commits the batch and releases the snapshot. */
void commit(void);
void assert_value(struct store_view *, struct bytes bucket, struct bytes key,
    struct bytes want);
void assert_get(struct store_view *, const char *bucket, const char *key,
    enum store_result want);

/* This returns pseudo-random bytes; the caller frees them. */
uint8_t *make_value(size_t size);

/*
 * Fillers are numbered entries of the bucket "b"; the value of a filler is
 * generated from its number.  Several values of 1000 bytes fit a page; a value
 * of 5000 bytes has pages of its own.
 */
#define FILL_MAX 5000
enum store_result put_filler(struct store_view *, unsigned int i, size_t size);
enum store_result delete_filler(struct store_view *, unsigned int i);
void assert_filler(struct store_view *, unsigned int i, size_t size);
bool filler_is_absent(struct store_view *, unsigned int i);
/* These write once and commit.  After STORE_FULL the store is unchanged. */
enum store_result commit_filler(unsigned int i, size_t size);
enum store_result commit_delete(unsigned int i);
/* This puts fillers, beginning with number `i', until the store is full.  It
 * returns the number of the first filler that found no room. */
unsigned int fill_store(unsigned int i, size_t size);
/* The same until nothing is gained by folding what was put. */
unsigned int fill_for_good(unsigned int i, size_t size);

/* Each commit from `from' up to `to' writes something else: entries with and
 * without an expiry, in several buckets, deletions, drops and outcomes. */
void write_some(unsigned int from, unsigned int to);
/* This opens the store and returns a checksum of all that a client could read
 * in it.  0 means that it cannot be read. */
uint32_t sum_store(void);

off_t file_size(void);
/* This takes away the log of a store whose data.mdb a test turns into one of an
 * earlier format. */
void remove_log(void);
/* After this call writes beyond this size of the data file fail, as on a full
 * disk. */
void limit_disk(off_t size);
void unlimit_disk(void);

/* This reads the whole data file; the caller frees the bytes. */
uint8_t *read_file(size_t *size);
/* This finds each copy of `pattern' in the data file and flips `bits' in the
 * byte that is `at' bytes after the beginning of the copy. */
void damage(struct bytes pattern, ssize_t at, uint8_t bits);

/* This opens the data file with LMDB alone. */
MDB_env *open_raw(void);
/* This puts a record into an LMDB database, or deletes the record if `value' is
 * NULL.  If `db' is NULL the database is the unnamed one. */
void put_raw(const char *db, const char *key, const struct bytes *value);

#endif
