/*
 * store_fixture: what the tests of the store share: a store in a directory of
 * its own, and functions that fill it and read or damage its data file.
 * Functions fail the running test, except those that return a result.
 */

#ifndef UNIT_STORE_FIXTURE_H
#define UNIT_STORE_FIXTURE_H

#include <sys/resource.h>
#include <sys/types.h>

#include <lmdb.h>
#include <stdbool.h>

#include "store/store.h"
#include "suite.h"

#define CACHE_SIZE ((size_t)48 << 10)

#define B(text) UNIT_BYTES(text)

/* Global, since setup functions have no argument. */
struct store_fixture {
	char base[256];
	char dir[300]; /* in base; store_open creates it */
	char file[320]; /* dir/data.mdb */
	struct store *store;
	struct rlimit file_size; /* the limit before the test */
	pid_t owner; /* a child that teardown kills, or 0 */
};
extern struct store_fixture fx;

/* A row of the table of tests: a case whose tests have a store each. */
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
/* Opens the store without syncing: faster, and few tests need more. */
void open_store(void);
/* The same, and creates the bucket "b". */
void open_with_bucket(void);
void close_store(void);

struct store_view *batch(void);
struct store_view *snapshot(void);
/* Commits the batch and releases the snapshot. */
void commit(void);
void assert_value(struct store_view *, struct bytes bucket, struct bytes key,
    struct bytes want);
void assert_get(struct store_view *, const char *bucket, const char *key,
    enum store_result want);

/* Pseudo-random bytes; the caller frees them. */
uint8_t *make_value(size_t size);

/*
 * Fillers: entries of "b" with numbers, of which their values are made.
 * Several values of 1000 bytes fit a page; one of 5000 has pages of its own.
 */
#define FILL_MAX 5000
enum store_result put_filler(struct store_view *, unsigned int i, size_t size);
enum store_result delete_filler(struct store_view *, unsigned int i);
void assert_filler(struct store_view *, unsigned int i, size_t size);
bool filler_is_absent(struct store_view *, unsigned int i);
/* One write and a commit.  STORE_FULL: the store is unchanged. */
enum store_result commit_filler(unsigned int i, size_t size);
enum store_result commit_delete(unsigned int i);
/* Puts fillers from `i' on until the store is full.  Returns the number of
 * the first that is not there. */
unsigned int fill_store(unsigned int i, size_t size);

off_t file_size(void);
/* From now on the disk is full when the data file has this size. */
void limit_disk(off_t size);
void unlimit_disk(void);

/* Reads the whole data file; the caller frees it. */
uint8_t *read_file(size_t *size);
/* Finds each copy of `pattern' in the data file, and flips these bits of the
 * byte `at' bytes behind its beginning. */
void damage(struct bytes pattern, ssize_t at, uint8_t bits);

/* Opens the data file with LMDB alone. */
MDB_env *open_raw(void);
/* Puts a record into an LMDB database (NULL: the unnamed one), or deletes it
 * if `value' is NULL. */
void put_raw(const char *db, const char *key, const struct bytes *value);

#endif
