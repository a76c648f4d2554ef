/*
 * What the tests of the store share: a store in a directory of its own, and
 * what fills, damages and looks into its file.  Functions fail the running
 * test, but for those that return a result.
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

/* Check's fixtures have no argument. */
struct store_fixture {
	char base[256];
	char dir[300]; /* base/N/data: not there yet */
	char file[320]; /* dir/data.mdb */
	struct store *store;
	struct rlimit file_size;
	pid_t owner; /* a child to be killed, or 0 */
};
extern struct store_fixture fx;

/* A test case, for the table of tests, whose tests have a store each. */
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
/* Most tests need no durability, and are faster without. */
void open_store(void);
/* ... and has an empty bucket "b". */
void open_with_bucket(void);
void close_store(void);

struct store_view *batch(void);
struct store_view *snapshot(void);
/* Releases the snapshot as well. */
void commit(void);
void assert_value(struct store_view *, struct bytes bucket, struct bytes key,
    struct bytes want);
void assert_get(struct store_view *, const char *bucket, const char *key,
    enum store_result want);

/* Pseudo-random bytes, to be freed. */
uint8_t *make_value(size_t size);

/*
 * Entries of "b" for filling a store: the value tells which entry it is.  1000
 * bytes go several to a page, 5000 get pages of their own.
 */
#define FILL_MAX 5000
enum store_result put_filler(struct store_view *, unsigned int i, size_t size);
enum store_result delete_filler(struct store_view *, unsigned int i);
void assert_filler(struct store_view *, unsigned int i, size_t size);
bool filler_is_absent(struct store_view *, unsigned int i);
/* One write, one commit.  On STORE_FULL nothing of it has happened. */
enum store_result commit_filler(unsigned int i, size_t size);
enum store_result commit_delete(unsigned int i);
/* Puts from `i` on until the store is full; returns the first not there. */
unsigned int fill_store(unsigned int i, size_t size);

off_t file_size(void);
/* The disk is full where the file ends then. */
void limit_disk(off_t size);
void unlimit_disk(void);

/* The whole data file, in memory. */
uint8_t *read_file(size_t *size);
/* Flips bits of a byte, `at` from the start of each copy of `pattern`. */
void damage(struct bytes pattern, ssize_t at, uint8_t bits);

/* Opens the file as LMDB does, without the store. */
MDB_env *open_raw(void);
/* Puts a record into database `db` (NULL: the unnamed one), or deletes it. */
void put_raw(const char *db, const char *key, const struct bytes *value);

#endif
