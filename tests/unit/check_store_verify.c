/*
 * check_store_verify: the store is checked from one end to the other, and
 * copied.  Whatever damage there is in data.mdb is found, or changes nothing.
 */

#include "unit.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

#include "common/record.h"
#include "store/store_verify.h"

/* The lines that were found, one after the other. */
static char lines[16384];

static void
note(void *arg, const char *line)
{
	(void)arg;
	(void)strlcat(lines, line, sizeof(lines));
	(void)strlcat(lines, "\n", sizeof(lines));
}

static bool
go_on(void *arg, uint64_t entries, uint64_t bytes)
{
	(void)bytes;
	(void)arg;
	(void)entries;
	return true;
}

static enum store_result
verify(struct verify_result *result)
{
	struct verify_options o = { .dir = fx.dir,
		.found = note,
		.go_on = go_on };

	lines[0] = '\0';
	return store_verify(&o, result);
}

static struct verify_result
expect_sound(void)
{
	struct verify_result result;

	ck_assert_int_eq(verify(&result), STORE_OK);
	if (result.found > 0)
		ck_abort_msg("found in a sound store:\n%s", lines);
	return result;
}

static void
expect_found(const char *what)
{
	struct verify_result result;

	ck_assert_int_eq(verify(&result), STORE_OK);
	if (result.found == 0 || strstr(lines, what) == NULL)
		ck_abort_msg("no \"%s\" in:\n%s", what, lines);
}

static void
shut(void)
{
	store_close(fx.store);
	fx.store = NULL;
	fx.open = false;
}

TEST(test_empty)
{
	struct verify_result result;

	open_store();
	shut();
	result = expect_sound();
	ck_assert_uint_eq(result.entries, 0);
	ck_assert(!result.in_use);
}

TEST(test_missing)
{
	struct verify_result result;

	ck_assert_int_eq(verify(&result), STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(result.error, "No such file"));
}

/* In all states between a commit and the end of its fold: some of it is in the
 * log, and a fold was cut off. */
TEST(test_sound)
{
	unsigned int i, at = 0;
	bool more;

	for (i = 0; i < 12; i++) {
		open_store();
		write_some(at, at + 150);
		at += 150;
		if (i % 4 == 1) {
			assert_ok(store_checkpoint(fx.store));
			assert_ok(store_purge(fx.store, i * 10, &more));
		}
		if (i % 4 > 1) {
			uint64_t generation;

			assert_ok(
			    store_request_checkpoint(fx.store, &generation));
			assert_ok(store_fold(fx.store, 37 * i, &more));
		}
		if (i % 4 == 3)
			write_some(at, at + 50);
		shut();
		ck_assert_uint_gt(expect_sound().entries, 100);
	}
}

TEST(test_entry)
{
	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("my key"),
	    text("some value"), 0));
	commit();
	close_store();
	(void)expect_sound();
	damage(text("some value"), 2, 1);
	expect_found("bucket b, key my\\040key: its checksum");
}

TEST(test_bucket)
{
	open_store();
	assert_ok(store_create(batch(), text("the bucket")));
	commit();
	close_store();
	damage(text("the bucket"), 12, 1);
	expect_found("bucket the\\040bucket: the checksum");
}

/* A key that is gone, from a tree that is sound. */
TEST(test_missing_key)
{
	uint8_t key[] = { 0, 0, 0, 0, 0, 0, 0, 1, 'k' };
	MDB_val k = { sizeof(key), key };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 1));
	commit();
	close_store();
	env = open_raw();
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, "entries", 0, &dbi), 0);
	ck_assert_int_eq(mdb_del(txn, dbi, &k, NULL), 0);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	expect_found("bucket b: says that it has 1 entries, and has 0");
	expect_found("bucket b, key k: to be removed when it expires");
}

/* A record of bucket 1's key "k" that is sound, and that nobody has put. */
static void
put_sound(const char *value)
{
	uint8_t data[64] = { 0 };
	size_t size = ENTRY_HEADER + strlen(value);
	struct entry_key key;
	MDB_val k, v = { size, data };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	entry_key_make(&key, 1, text("k"));
	memcpy(data + ENTRY_HEADER, value, strlen(value));
	record_put_le32(data + ENTRY_SUM,
	    record_sum(key.bytes, data, size, ENTRY_SUM));
	k = (MDB_val){ key.bytes.size, key.data };
	env = open_raw();
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, "entries", 0, &dbi), 0);
	ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* Only its size says that it is another one. */
TEST(test_another_value)
{
	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("value"), 0));
	commit();
	close_store();
	put_sound("VALUE");
	(void)expect_sound();
	put_sound("v");
	expect_found("bucket b: says that its entries have 6 bytes, and 2 are "
		     "found: keys or values are missing");
	put_sound("a longer one");
	expect_found("have 6 bytes, and 13 are found: restore");
}

/* The row of bucket 1; UINT64_MAX: there is none. */
static uint64_t
read_size(void)
{
	uint8_t row[] = "size\0\0\0\0\0\0\0\1";
	MDB_val k = { sizeof(row) - 1, row }, v;
	uint64_t size = UINT64_MAX;
	MDB_env *env = open_raw();
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
	if (mdb_get(txn, dbi, &k, &v) == 0)
		size = record_get_le64(v.mv_data);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return size;
}

/* With everything folded, and at most so many entries purged. */
static void
expect_size(uint64_t want, size_t purge)
{
	bool more;

	commit();
	assert_ok(store_checkpoint(fx.store));
	if (purge > 0)
		assert_ok(store_purge(fx.store, purge, &more));
	shut();
	ck_assert_uint_eq(read_size(), want);
	(void)expect_sound();
	open_store();
}

static void
put_sized(const char *key, size_t size, int64_t expiry_ms)
{
	uint8_t *value = make_value(size);

	assert_ok(store_put(batch(), text("b"), text(key),
	    (struct bytes){ value, size }, expiry_ms));
	free(value);
}

static void
removed(void *arg, struct bytes bucket, struct bytes key)
{
	(void)arg;
	(void)bucket;
	(void)key;
}

/* Keys and values, whatever changes them. */
TEST(test_sizes)
{
	bool more;

	open_with_bucket();
	expect_size(UINT64_MAX, 0);
	put_sized("k", 0, 0);
	put_sized("key", 100, 0);
	expect_size(1 + 103, 0);
	/* Puts that do not look what they replace, larger and smaller. */
	put_sized("k", 20000, 0);
	put_sized("key", 7, 0);
	expect_size(20001 + 10, 0);
	/* Several changes of a key in one fold. */
	put_sized("k", 30000, 0);
	put_sized("k", 3, 0);
	assert_ok(store_delete(batch(), text("b"), text("key")));
	put_sized("key", 9, 0);
	put_sized("new", 5, 0);
	assert_ok(store_delete(batch(), text("b"), text("new")));
	expect_size(4 + 12, 0);
	assert_ok(store_set_expiry(batch(), text("b"), text("k"), 5));
	put_sized("due", 50, 6);
	expect_size(4 + 12 + 53, 0);
	store_set_now(fx.store, 7);
	assert_ok(store_expire(batch(), 10, removed, NULL, &more));
	expect_size(12, 0);
	put_sized("l", 10, 0);
	put_sized("m", 1000, 0);
	expect_size(12 + 11 + 1001, 0);
	assert_ok(store_drop(batch(), text("b")));
	expect_size(11 + 1001, 1);
	expect_size(UINT64_MAX, 10);
	close_store();
}

TEST(test_log)
{
	char path[sizeof(fx.dir) + 8];
	int fd;

	open_with_bucket();
	write_some(0, 10);
	shut();
	snprintf(path, sizeof(path), "%s/log.1", fx.dir);
	ck_assert_int_ge(fd = open(path, O_RDWR | O_CLOEXEC), 0);
	ck_assert_int_eq(pwrite(fd, "damage", 6, 4200), 6);
	(void)close(fd);
	expect_found("log.1: damaged at offset");
	ck_assert_int_eq(unlink(path), 0);
	expect_found("log.1: missing");
}

/* In a child, which may crash or hang.  Where it has, there is no sum. */
static uint32_t
sum_in_child(void)
{
	uint32_t sum = 0;
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		alarm(20);
		sum = sum_store();
		_exit(write(fds[1], &sum, sizeof(sum)) != sizeof(sum));
	}
	(void)close(fds[1]);
	if (read(fds[0], &sum, sizeof(sum)) != sizeof(sum))
		sum = 0;
	(void)close(fds[0]);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return sum;
}

#define PAGE ((size_t)4096)

/* Damages a page in one of several ways. */
static void
hurt(uint8_t *file, size_t size, size_t page, int how, uint64_t *random)
{
	uint8_t *p = file + page * PAGE;
	size_t other = (size_t)unit_random(random) % (size / PAGE), at;

	switch (how) {
	case 0:
		memset(p, 0, PAGE);
		break;
	case 1:
		memmove(p, file + other * PAGE, PAGE);
		break;
	case 2: /* in its header */
		at = (size_t)unit_random(random) % 64;
		p[at] ^= (uint8_t)(1 << unit_random(random) % 8);
		break;
	default:
		at = (size_t)unit_random(random) % PAGE;
		p[at] ^= (uint8_t)(1 << unit_random(random) % 8);
		break;
	}
}

static void
write_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	(void)close(fd);
}

/* Makes the directory `to` one with the files of `from`. */
static void
copy_store(const char *from, const char *to)
{
	char command[1024];

	snprintf(command, sizeof(command), "rm -rf %s; cp -a %s %s", to, from,
	    to);
	ck_assert_int_eq(system(command), 0);
}

static const char *
sound_dir(void)
{
	static char dir[sizeof(fx.dir) + 8];

	snprintf(dir, sizeof(dir), "%s.sound", fx.dir);
	return dir;
}

static void
check_image(const uint8_t *sound, size_t size, size_t page, int how,
    uint64_t *random, uint32_t want)
{
	uint8_t *file = unit_copy(sound, size);
	struct verify_result result;
	uint32_t got;

	hurt(file, size, page, how, random);
	copy_store(sound_dir(), fx.dir);
	write_file(fx.file, file, size);
	ck_assert_int_eq(verify(&result), STORE_OK);
	if (result.found == 0) {
		got = sum_in_child();
		if (got != want)
			ck_abort_msg("page %zu, damage %d: nothing found, and "
				     "the store has %x instead of %x",
			    page, how, got, want);
	}
	free(file);
}

/* IMAGES in the environment: so many more. */
static unsigned int
images(void)
{
	const char *wanted = getenv("VERIFY_IMAGES");

	return wanted == NULL ? 1 : (unsigned int)atoi(wanted);
}

TEST(test_damaged_pages)
{
	size_t size, page, used;
	uint64_t random = 7;
	unsigned int round;
	uint32_t want;
	uint8_t *sound;
	bool more;

	open_store();
	write_some(0, 900);
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_purge(fx.store, 1000, &more));
	write_some(900, 950);
	shut();
	(void)expect_sound();
	copy_store(fx.dir, sound_dir());
	sound = read_file(&size);
	for (used = size / PAGE; sound[used * PAGE - PAGE] == 0 &&
	     memcmp(sound + used * PAGE - PAGE, sound + used * PAGE - PAGE + 1,
		 PAGE - 1) == 0;)
		used--;
	want = sum_in_child();
	ck_assert_uint_ne(want, 0);
	for (round = 0; round < images(); round++)
		for (page = 0; page < used; page++)
			check_image(sound, size, page, _i, &random, want);
	free(sound);
}

static const struct test tests[] = {
	STORE_CASE("verify"),
	ONCE(test_empty),
	ONCE(test_missing),
	ONCE(test_sound),
	ONCE(test_entry),
	ONCE(test_bucket),
	ONCE(test_missing_key),
	ONCE(test_another_value),
	ONCE(test_sizes),
	ONCE(test_log),
	LOOP(test_damaged_pages, 4),
};

SUITE("store_verify", tests)
