/*
 * store_fixture: see store_fixture.h.
 */

#include "unit.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

#include "common/crc32c.h"

struct store_fixture fx;

struct bytes
text(const char *t)
{
	return bytes_from_text(t);
}

static int
remove_entry(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* In the parent of the tests, so that one that crashes leaves no files. */
void
store_setup_case(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(fx.base, sizeof(fx.base), "%s/check_store.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(fx.base));
}

void
store_teardown_case(void)
{
	(void)nftw(fx.base, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void
store_setup(void)
{
	snprintf(fx.dir, sizeof(fx.dir), "%s/XXXXXX", fx.base);
	ck_assert_ptr_nonnull(mkdtemp(fx.dir));
	strlcat(fx.dir, "/data", sizeof(fx.dir));
	snprintf(fx.file, sizeof(fx.file), "%s/data.mdb", fx.dir);
	fx.log_size = LOG_SIZE;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &fx.file_size), 0);
	/* A write beyond RLIMIT_FSIZE fails with EFBIG, and does not kill. */
	(void)signal(SIGXFSZ, SIG_IGN);
}

void
store_teardown(void)
{
	(void)setrlimit(RLIMIT_FSIZE, &fx.file_size);
	store_close(fx.store);
	fx.store = NULL;
	if (fx.owner > 0) {
		(void)kill(fx.owner, SIGKILL);
		(void)waitpid(fx.owner, NULL, 0);
	}
	fx.owner = 0;
}

enum store_result
try_open_waiting(int sync_ms, int lock_wait_ms)
{
	struct store_options o = { .dir = fx.dir,
		.create = true,
		.sync_ms = sync_ms,
		.log_size = fx.log_size,
		.lock_wait_ms = lock_wait_ms,
		.owner_pid = (long)getpid() };
	enum store_result result;

	store_close(fx.store);
	result = store_open(&fx.store, &o);
	/* Nothing is asserted here, for the sake of children (test_fork()). */
	if (fx.store == NULL)
		ck_abort_msg("no memory for a store");
	fx.open = result == STORE_OK;
	/* So small that it evicts many entries, but still has some hits. */
	if (fx.open)
		result = store_set_cache(fx.store, CACHE_SIZE);
	return result;
}

enum store_result
try_open(int sync_ms)
{
	return try_open_waiting(sync_ms, 0);
}

void
assert_ok(enum store_result result)
{
	if (result != STORE_OK)
		ck_abort_msg("result %d, error: %s", (int)result,
		    store_error(fx.store));
}

void
open_store(void)
{
	assert_ok(try_open(STORE_SYNC_NEVER));
}

void
close_store(void)
{
	/* For what is looked at, or damaged, in data.mdb. */
	if (fx.open) {
		store_abort(fx.store);
		assert_ok(store_checkpoint(fx.store));
	}
	store_close(fx.store);
	fx.store = NULL;
	fx.open = false;
}

/* The store is the checkpointer's, too, so nobody else folds. */
struct store_view *
batch(void)
{
	enum store_result result;
	struct store_view *v;
	bool more = true;

	while ((result = store_batch(fx.store, &v)) == STORE_BEHIND) {
		ck_assert(more);
		assert_ok(store_fold(fx.store, 1000, &more));
	}
	assert_ok(result);
	return v;
}

void
use_reserve(bool use)
{
	enum store_result result;

	store_use_reserve(fx.store, use);
	result = store_checkpoint(fx.store);
	if (result != STORE_FULL)
		assert_ok(result);
}

struct store_view *
snapshot(void)
{
	struct store_view *v;

	assert_ok(store_snapshot(fx.store, &v));
	return v;
}

void
commit(void)
{
	assert_ok(store_commit(fx.store));
	store_release(fx.store);
}

void
assert_value(struct store_view *v, struct bytes bucket, struct bytes key,
    struct bytes want)
{
	struct store_entry got = { .value = { NULL, 0 } };

	assert_ok(store_get(v, bucket, key, &got));
	unit_assert_bytes(got.value, want);
}

void
assert_get(struct store_view *v, const char *bucket, const char *key,
    enum store_result want)
{
	struct store_entry got;

	ck_assert_int_eq(store_get(v, text(bucket), text(key), &got), want);
}

uint8_t *
make_value(size_t size)
{
	uint8_t *p = malloc(size + 1);
	uint64_t state = size + 1;
	size_t i;

	ck_assert_ptr_nonnull(p);
	for (i = 0; i < size; i++)
		p[i] = (uint8_t)unit_random(&state);
	return p;
}

static void
fill_value(uint8_t *p, size_t size, unsigned int i)
{
	memset(p, 'a' + (int)(i % 26), size);
	memcpy(p, &i, sizeof(i));
}

enum store_result
put_filler(struct store_view *v, unsigned int i, size_t size)
{
	uint8_t value[FILL_MAX];
	char key[16];

	snprintf(key, sizeof(key), "%08u", i);
	fill_value(value, size, i);
	return store_put(v, text("b"), text(key), (struct bytes){ value, size },
	    0);
}

enum store_result
delete_filler(struct store_view *v, unsigned int i)
{
	char key[16];

	snprintf(key, sizeof(key), "%08u", i);
	return store_delete(v, text("b"), text(key));
}

void
assert_filler(struct store_view *v, unsigned int i, size_t size)
{
	struct store_entry got = { .value = { NULL, 0 } };
	uint8_t value[FILL_MAX];
	char key[16];

	snprintf(key, sizeof(key), "%08u", i);
	fill_value(value, size, i);
	if (store_get(v, text("b"), text(key), &got) != STORE_OK ||
	    !bytes_equal(got.value, (struct bytes){ value, size }))
		ck_abort_msg("entry %u is not as it was put", i);
}

bool
filler_is_absent(struct store_view *v, unsigned int i)
{
	struct store_entry got;
	char key[16];

	snprintf(key, sizeof(key), "%08u", i);
	return store_get(v, text("b"), text(key), &got) == STORE_ABSENT;
}

static enum store_result
commit_result(enum store_result result)
{
	if (result == STORE_OK)
		result = store_commit(fx.store);
	store_abort(fx.store);
	store_release(fx.store);
	if (result != STORE_OK && result != STORE_FULL)
		assert_ok(result);
	return result;
}

enum store_result
commit_filler(unsigned int i, size_t size)
{
	return commit_result(put_filler(batch(), i, size));
}

enum store_result
commit_delete(unsigned int i)
{
	return commit_result(delete_filler(batch(), i));
}

off_t
file_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(fx.file, &st), 0);
	return st.st_size;
}

void
remove_log(void)
{
	char path[sizeof(fx.dir) + 8];

	snprintf(path, sizeof(path), "%s/log.1", fx.dir);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/log.2", fx.dir);
	ck_assert_int_eq(unlink(path), 0);
}

/* The disk is full where the file ends now. */
void
limit_disk(off_t size)
{
	struct rlimit limit = fx.file_size;

	limit.rlim_cur = (rlim_t)size;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void
unlimit_disk(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &fx.file_size), 0);
}

unsigned int
fill_store(unsigned int i, size_t size)
{
	while (commit_filler(i, size) == STORE_OK)
		if (++i > 1000000)
			ck_abort_msg("never full");
	return i;
}

unsigned int
fill_for_good(unsigned int i, size_t size)
{
	unsigned int next = fill_store(i, size);

	do {
		i = next;
		assert_ok(store_checkpoint(fx.store));
		next = fill_store(i, size);
	} while (next > i);
	return i;
}

void
open_with_bucket(void)
{
	open_store();
	assert_ok(store_create(batch(), text("b")));
	commit();
}

uint8_t *
read_file(size_t *size)
{
	uint8_t *p;
	int fd;

	*size = (size_t)file_size();
	p = malloc(*size + 1);
	ck_assert_ptr_nonnull(p);
	fd = open(fx.file, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read(fd, p, *size), (ssize_t)*size);
	(void)close(fd);
	return p;
}

void
damage(struct bytes pattern, ssize_t at, uint8_t bits)
{
	size_t size, copies = 0;
	uint8_t *p = read_file(&size), *hit, *from = p, byte;
	int fd = open(fx.file, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	while ((hit = memmem(from, size - (size_t)(from - p), pattern.data,
		    pattern.size)) != NULL) {
		byte = hit[at] ^ bits;
		ck_assert_int_eq(pwrite(fd, &byte, 1, hit - p + at), 1);
		from = hit + pattern.size;
		copies++;
	}
	ck_assert_uint_ge(copies, 1);
	(void)close(fd);
	free(p);
}

MDB_env *
open_raw(void)
{
	MDB_env *env;

	/* Nothing is asserted here, for the sake of children (test_fork()). */
	if ((mkdir(fx.dir, 0700) == -1 && errno != EEXIST) ||
	    mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, 8) != 0 ||
	    mdb_env_open(env, fx.dir, 0, 0600) != 0)
		ck_abort_msg("LMDB cannot open %s", fx.dir);
	return env;
}

void
put_raw(const char *db, const char *key, const struct bytes *value)
{
	MDB_val k = { strlen(key), strdup(key) }, v;
	MDB_env *env = open_raw();
	uint8_t *copy;
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(
	    mdb_dbi_open(txn, db, db == NULL ? 0 : MDB_CREATE, &dbi), 0);
	if (value == NULL)
		ck_assert_int_eq(mdb_del(txn, dbi, &k, NULL), 0);
	else {
		copy = unit_copy(value->data, value->size);
		v = (MDB_val){ value->size, copy };
		ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
		free(copy);
	}
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	free(k.mv_data);
}

void
write_some(unsigned int from, unsigned int to)
{
	static const int64_t never = (int64_t)1 << 50;
	uint64_t state = from + 1;
	char bucket[16], key[32];
	struct store_view *v;
	uint8_t *value;
	size_t size;
	unsigned int i;

	for (i = from; i < to; i++) {
		v = batch();
		snprintf(bucket, sizeof(bucket), "b %llu",
		    (unsigned long long)(unit_random(&state) % 5));
		snprintf(key, sizeof(key), "key%llu",
		    (unsigned long long)(unit_random(&state) % 200));
		size = i % 50 == 0 ? 9000 : (size_t)unit_random(&state) % 300;
		value = make_value(size);
		assert_ok(store_create(v, text(bucket)));
		assert_ok(store_put(v, text(bucket), text(key),
		    (struct bytes){ value, size }, i % 3 == 0 ? never + i : 0));
		free(value);
		if (i % 7 == 0)
			(void)store_delete(v, text(bucket), text("key7"));
		if (i % 97 == 96)
			assert_ok(store_drop(v, text("b 3")));
		assert_ok(store_put_outcome(v, i % 4 + 1, text("reply")));
		assert_ok(store_commit(fx.store));
		store_release(fx.store);
	}
}

/* A checksum of all that a client could read. */
struct sum {
	uint32_t sum;
	struct store_view *view;
	struct bytes bucket;
};

static bool
sum_entry(void *arg, const struct store_entry *e)
{
	struct sum *s = arg;
	struct store_entry got;

	s->sum = crc32c(s->sum, e->key.data, e->key.size);
	s->sum = crc32c(s->sum, e->value.data, e->value.size);
	s->sum = crc32c(s->sum, &e->expiry_ms, sizeof(e->expiry_ms));
	if (store_get(s->view, s->bucket, e->key, &got) != STORE_OK)
		s->sum ^= 1;
	return true;
}

static bool
sum_bucket(void *arg, struct bytes name)
{
	struct bytes all = { NULL, 0 };
	struct sum *s = arg;
	uint64_t count = 0;

	s->bucket = name;
	s->sum = crc32c(s->sum, name.data, name.size);
	if (store_scan(s->view, name, all, all, sum_entry, s) != STORE_OK ||
	    store_count(s->view, name, &count) != STORE_OK)
		s->sum ^= 2;
	s->sum = crc32c(s->sum, &count, sizeof(count));
	return true;
}

uint32_t
sum_store(void)
{
	struct bytes all = { NULL, 0 };
	struct sum s = { .sum = 1 };

	if (try_open(STORE_SYNC_NEVER) != STORE_OK ||
	    store_snapshot(fx.store, &s.view) != STORE_OK ||
	    store_scan_buckets(s.view, all, all, sum_bucket, &s) != STORE_OK)
		return 0;
	return s.sum;
}
