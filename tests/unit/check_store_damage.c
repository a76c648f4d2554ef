/*
 * check_store_damage: damaged pages of data.mdb are noticed when they are read
 * and before they are written to; a walk finds the buckets that they belong to;
 * and a store that knows of damaged buckets serves the others.
 */

#include "unit.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

#include "store/page.h"
#include "store/pages.h"
#include "store/store_damage.h"
#include "store/store_walk.h"

#define PAGE 4096
/* So many entries have many pages. */
#define MANY 400

static char lines[8192];

static void
note(void *arg, const char *line)
{
	(void)arg;
	(void)strlcat(lines, line, sizeof(lines));
	(void)strlcat(lines, "\n", sizeof(lines));
}

static void
alive(void *arg)
{
	(void)arg;
}

static enum walk_result
run_walk(bool wider)
{
	const struct walk_options o = { .dir = fx.dir,
		.wider = wider,
		.found = note,
		.alive = alive };

	lines[0] = '\0';
	return store_walk(&o);
}

static enum walk_result
walk(void)
{
	return run_walk(false);
}

static void
expect_line(const char *part)
{
	if (strstr(lines, part) == NULL)
		ck_abort_msg("no \"%s\" in:\n%s", part, lines);
}

static void
shut(void)
{
	store_close(fx.store);
	fx.store = NULL;
	fx.open = false;
}

static void
put_many(const char *bucket)
{
	unsigned int i;
	char key[32];

	assert_ok(store_create(batch(), text(bucket)));
	for (i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "%s%04u", bucket, i);
		assert_ok(store_put(batch(), text(bucket), text(key),
		    text("a value that is long enough for some pages"), 0));
	}
	commit();
}

/* Between two others lies a bucket with many pages. */
static void
make_buckets(void)
{
	open_store();
	put_many("first");
	put_many("second");
	put_many("third");
	assert_ok(store_checkpoint(fx.store));
	shut();
}

/* Overwrites the n-th page of this kind in the file that has this text. */
static void
wipe_page(unsigned int kind, const char *pattern, size_t n)
{
	uint8_t zeros[PAGE] = { 0 }, *file;
	size_t size, at;
	int fd;

	file = read_file(&size);
	for (at = 2 * PAGE; at < size; at += PAGE)
		if (page_header_of(file + at).flags == kind &&
		    memmem(file + at, PAGE, pattern, strlen(pattern)) != NULL &&
		    n-- == 0)
			break;
	ck_assert_uint_lt(at, size);
	free(file);
	fd = open(fx.file, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, zeros, PAGE, (off_t)at), PAGE);
	(void)close(fd);
}

static void
wipe(const char *pattern, size_t n)
{
	wipe_page(PAGE_LEAF, pattern, n);
}

/* Makes the key of this entry longer than any: its size is in front of it.  The
 * node still lies within its page. */
static void
stretch(const char *name)
{
	static const uint16_t key_size = sizeof(uint64_t) + 300;
	uint8_t *file, *at;
	size_t size;
	off_t offset;
	int fd;

	file = read_file(&size);
	at = memmem(file + 2 * PAGE, size - 2 * PAGE, name, strlen(name));
	ck_assert_ptr_nonnull(at);
	offset = at - file - (off_t)(sizeof(uint64_t) + sizeof(key_size));
	free(file);
	fd = open(fx.file, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, &key_size, sizeof(key_size), offset),
	    sizeof(key_size));
	(void)close(fd);
}

/* The list */

TEST(test_ranges)
{
	struct damage d = { .count = 0 };

	ck_assert(!damage_has(&d, 1));
	ck_assert(damage_add(&d, 10, 12));
	ck_assert(damage_add(&d, 2, 2));
	ck_assert(damage_add(&d, 20, UINT64_MAX));
	ck_assert(damage_add(&d, 13, 14));
	ck_assert(damage_add(&d, 11, 11));
	ck_assert_uint_eq(d.count, 3);
	ck_assert(damage_has(&d, 2) && damage_has(&d, 10));
	ck_assert(damage_has(&d, 14) && damage_has(&d, UINT64_MAX));
	ck_assert(!damage_has(&d, 1) && !damage_has(&d, 3));
	ck_assert(!damage_has(&d, 9) && !damage_has(&d, 15));
	ck_assert(damage_add(&d, 0, 30));
	ck_assert_uint_eq(d.count, 1);
}

TEST(test_too_many_ranges)
{
	struct damage d = { .count = 0 };
	uint64_t i;

	for (i = 0; i < DAMAGE_MAX; i++)
		ck_assert(damage_add(&d, 2 * i, 2 * i));
	ck_assert(!damage_add(&d, 2 * i, 2 * i));
}

static int
open_dir(void)
{
	int fd = open(fx.base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
write_text(int dirfd, const char *content)
{
	int fd = openat(dirfd, DAMAGE_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, content, strlen(content)),
	    (ssize_t)strlen(content));
	(void)close(fd);
}

TEST(test_file)
{
	struct damage d = { .count = 0 }, again;
	int dirfd = open_dir();
	char content[256];
	ssize_t n;
	int fd;

	ck_assert_int_eq(damage_read(&again, dirfd), DAMAGE_NONE);
	ck_assert(damage_add(&d, 3, 4) && damage_add(&d, 7, UINT64_MAX));
	ck_assert_int_eq(damage_write(&d, dirfd), 0);
	ck_assert_int_eq(damage_read(&again, dirfd), DAMAGE_READ);
	ck_assert(damage_covers(&d, &again) && damage_covers(&again, &d));
	fd = openat(dirfd, DAMAGE_FILE, O_RDONLY | O_CLOEXEC);
	n = read(fd, content, sizeof(content) - 1);
	ck_assert_int_gt(n, 0);
	content[n] = '\0';
	(void)close(fd);
	ck_assert_ptr_nonnull(strstr(content, "buckets 3 4\n"));
	/* Any other number has another checksum. */
	content[strlen("kvd damaged 1\nbuckets ")] = '2';
	write_text(dirfd, content);
	ck_assert_int_eq(damage_read(&again, dirfd), DAMAGE_MALFORMED);
	write_text(dirfd, "");
	ck_assert_int_eq(damage_read(&again, dirfd), DAMAGE_MALFORMED);
	d.count = 0;
	ck_assert_int_eq(damage_write(&d, dirfd), 0);
	ck_assert_int_eq(damage_read(&again, dirfd), DAMAGE_NONE);
	(void)close(dirfd);
}

TEST(test_malformed_file)
{
	int dirfd;

	open_with_bucket();
	shut();
	dirfd = open(fx.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_text(dirfd, "kvd damaged 1\nbuckets 1 x\n");
	ck_assert_int_eq(try_open(STORE_SYNC_NEVER), STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "remove it"));
	store_close(fx.store);
	fx.store = NULL;
	/* A walk makes it right. */
	ck_assert_int_eq(walk(), WALK_SOUND);
	(void)close(dirfd);
	open_store();
}

/* Walks */

TEST(test_sound)
{
	open_store();
	write_some(0, 400);
	assert_ok(store_checkpoint(fx.store));
	write_some(400, 500);
	shut();
	ck_assert_int_eq(walk(), WALK_SOUND);
	ck_assert_str_eq(lines, "");
}

TEST(test_no_store)
{
	ck_assert_int_eq(walk(), WALK_NONE);
	ck_assert_str_eq(lines, "");
}

TEST(test_in_use)
{
	open_with_bucket();
	ck_assert_int_eq(walk(), WALK_FAILED);
	expect_line("in use");
}

static bool
append_name(void *arg, struct bytes name)
{
	char *names = arg;

	(void)strncat(names, name.data, name.size);
	(void)strcat(names, " ");
	return true;
}

static bool
count_entry(void *arg, const struct store_entry *e)
{
	unsigned int *n = arg;

	(void)e;
	++*n;
	return true;
}

static void
expect_served(const char *bucket)
{
	struct bytes none = { NULL, 0 };
	unsigned int n = 0;
	uint64_t count;
	char key[32];

	snprintf(key, sizeof(key), "%s0007", bucket);
	assert_value(snapshot(), text(bucket), text(key),
	    text("a value that is long enough for some pages"));
	assert_ok(store_count(snapshot(), text(bucket), &count));
	ck_assert_uint_eq(count, MANY);
	assert_ok(
	    store_scan(snapshot(), text(bucket), none, none, count_entry, &n));
	ck_assert_uint_eq(n, MANY);
}

static void
expect_damaged(const char *bucket)
{
	struct bytes none = { NULL, 0 }, b = text(bucket), key;
	struct store_entry e;
	unsigned int n = 0;
	size_t left = 100;
	uint64_t count;

	ck_assert_int_eq(store_get(snapshot(), b, text("k"), &e),
	    STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), bucket));
	ck_assert_int_eq(store_count(snapshot(), b, &count), STORE_DAMAGED);
	ck_assert_int_eq(store_scan(snapshot(), b, none, none, count_entry, &n),
	    STORE_DAMAGED);
	ck_assert_int_eq(store_create(batch(), b), STORE_DAMAGED);
	ck_assert_int_eq(store_put(batch(), b, text("k"), text("v"), 0),
	    STORE_DAMAGED);
	ck_assert_int_eq(store_delete(batch(), b, text("k")), STORE_DAMAGED);
	ck_assert_int_eq(store_first(batch(), b, none, &left, &key),
	    STORE_DAMAGED);
	store_abort(fx.store);
}

TEST(test_one_bucket)
{
	struct bytes none = { NULL, 0 };
	char names[64] = "";
	struct store_stats stats;

	make_buckets();
	wipe("second0200", 0);
	ck_assert_int_eq(walk(), WALK_DAMAGED);
	expect_line("bucket second is damaged");
	ck_assert_ptr_null(strstr(lines, "bucket first"));
	ck_assert_int_eq(walk(), WALK_SAME);
	open_store();
	expect_served("first");
	expect_served("third");
	expect_damaged("second");
	assert_ok(
	    store_scan_buckets(snapshot(), none, none, append_name, names));
	ck_assert_str_eq(names, "first second third ");
	assert_ok(store_stats(snapshot(), &stats));
	ck_assert_uint_eq(stats.damaged, 1);
}

/* A key that is too long for what it is copied to. */
TEST(test_long_key)
{
	struct bytes none = { NULL, 0 };
	unsigned int n = 0;

	make_buckets();
	stretch("second0020");
	open_store();
	ck_assert_int_eq(
	    store_scan(snapshot(), text("second"), none, none, count_entry, &n),
	    STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "too long"));
	expect_served("first");
	shut();
	ck_assert_int_eq(walk(), WALK_DAMAGED);
	expect_line("bucket second is damaged");
	open_store();
	expect_damaged("second");
	expect_served("third");
}

/* What the log has of a damaged bucket is not folded, all else is; and a
 * dropped one is not purged. */
TEST(test_fold)
{
	struct store_stats stats;
	bool more;

	make_buckets();
	open_store();
	assert_ok(store_put(batch(), text("second"), text("second0200"),
	    text("new"), 0));
	assert_ok(store_put(batch(), text("first"), text("new"), text("v"), 0));
	commit();
	shut();
	wipe("second0200", 0);
	ck_assert_int_eq(walk(), WALK_DAMAGED);
	open_store();
	assert_ok(store_drop(batch(), text("second")));
	commit();
	assert_ok(store_stats(snapshot(), &stats));
	ck_assert_uint_eq(stats.damaged, 0);
	put_many("second");
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_purge(fx.store, 100000, &more));
	shut();
	open_store();
	expect_served("second");
	expect_served("third");
	assert_value(snapshot(), text("first"), text("new"), text("v"));
	shut();
	/* The pages are left. */
	ck_assert_int_eq(walk(), WALK_SAME);
}

/* A bucket that was dropped before its pages were damaged. */
TEST(test_dropped)
{
	bool more;

	make_buckets();
	open_store();
	assert_ok(store_drop(batch(), text("second")));
	assert_ok(store_drop(batch(), text("first")));
	commit();
	assert_ok(store_checkpoint(fx.store));
	shut();
	wipe("second0200", 0);
	open_store();
	ck_assert_int_eq(store_purge(fx.store, 100000, &more), STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "is damaged"));
	shut();
	ck_assert_int_eq(walk(), WALK_DAMAGED);
	open_store();
	assert_ok(store_purge(fx.store, 100000, &more));
	ck_assert(!more);
	expect_served("third");
}

/* Of a branch page, what is below it is damaged, and what lies beside it only
 * when LMDB comes to join the branches. */
#define BRANCHED 12 /* buckets, with about a branch each */

static enum store_result
purge_all(void)
{
	enum store_result result;
	bool more;

	do
		result = store_purge(fx.store, 1000, &more);
	while (result == STORE_OK && more);
	return result;
}

static void
make_branches(void)
{
	char name[16], key[32], value[1000];
	unsigned int b, i;

	memset(value, 'v', sizeof(value));
	open_store();
	for (b = 0; b < BRANCHED; b++) {
		assert_ok(store_grow(fx.store));
		snprintf(name, sizeof(name), "b%02u", b);
		assert_ok(store_create(batch(), text(name)));
		for (i = 0; i < MANY; i++) {
			snprintf(key, sizeof(key), "%s-%04u", name, i);
			assert_ok(store_put(batch(), text(name), text(key),
			    (struct bytes){ value, sizeof(value) }, 0));
		}
		commit();
	}
	assert_ok(store_checkpoint(fx.store));
	shut();
}

/* How many buckets are. */
static unsigned int
count_damaged(void)
{
	struct store_entry e;
	unsigned int b, n = 0;
	char name[16];

	for (b = 0; b < BRANCHED; b++) {
		snprintf(name, sizeof(name), "b%02u", b);
		n += store_get(snapshot(), text(name), text("none"), &e) ==
		    STORE_DAMAGED;
	}
	store_release(fx.store);
	return n;
}

TEST(test_branch)
{
	unsigned int b, narrow;
	char name[16];

	make_branches();
	wipe_page(PAGE_BRANCH, "b06-02", 0);
	ck_assert_int_eq(run_walk(true), WALK_DAMAGED);
	ck_assert_int_eq(walk(), WALK_SAME);
	open_store();
	narrow = count_damaged();
	ck_assert_uint_gt(narrow, 0);
	ck_assert_uint_le(narrow, 3);
	for (b = 0; b < BRANCHED; b++) {
		snprintf(name, sizeof(name), "b%02u", b);
		assert_ok(store_drop(batch(), text(name)));
	}
	commit();
	assert_ok(store_checkpoint(fx.store));
	ck_assert_int_eq(purge_all(), STORE_FAILED);
	shut();
	ck_assert_int_eq(run_walk(true), WALK_DAMAGED);
	expect_line("beside a damaged one");
	ck_assert_int_eq(run_walk(true), WALK_SAME);
	ck_assert_int_eq(walk(), WALK_SAME);
	open_store();
	assert_ok(purge_all());
}

TEST(test_last_page)
{
	make_buckets();
	wipe("third0399", 0);
	ck_assert_int_eq(walk(), WALK_DAMAGED);
	open_store();
	expect_served("first");
	expect_served("second");
	expect_damaged("third");
	/* There would be no place for its entries. */
	ck_assert_int_eq(store_create(batch(), text("new")), STORE_DAMAGED);
}

TEST(test_list_of_buckets)
{
	unsigned int i;
	char name[32];

	open_store();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "bucket-number-%03u", i);
		assert_ok(store_create(batch(), text(name)));
	}
	commit();
	assert_ok(store_checkpoint(fx.store));
	shut();
	wipe("bucket-number-000", 0);
	ck_assert_int_eq(walk(), WALK_LOST);
	expect_line("its list of buckets is damaged: restore");
}

/* Without a walk */

TEST(test_read)
{
	struct bytes none = { NULL, 0 };
	struct store_entry e;
	unsigned int n = 0;

	make_buckets();
	wipe("second0200", 0);
	open_store();
	ck_assert_int_eq(
	    store_get(snapshot(), text("second"), text("second0200"), &e),
	    STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "is damaged"));
	ck_assert_int_eq(
	    store_scan(snapshot(), text("second"), none, none, count_entry, &n),
	    STORE_FAILED);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_lt(n, MANY);
	expect_served("third");
}

TEST(test_write)
{
	make_buckets();
	wipe("second0200", 0);
	open_store();
	assert_ok(store_put(batch(), text("second"), text("second0200"),
	    text("new"), 0));
	commit();
	ck_assert_int_eq(store_checkpoint(fx.store), STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "is damaged"));
}

/* LMDB joins pages, so those beside the one that is written to count as well. */
TEST(test_write_beside)
{
	unsigned int i;
	char key[32];

	make_buckets();
	wipe("second0200", 0);
	open_store();
	for (i = 0; i < 180; i++) {
		snprintf(key, sizeof(key), "second%04u", i);
		ck_assert_int_ne(
		    store_delete(batch(), text("second"), text(key)),
		    STORE_ABSENT);
	}
	commit();
	ck_assert_int_eq(store_checkpoint(fx.store), STORE_FAILED);
}

static void
delete_all(const char *bucket)
{
	enum store_result result;
	unsigned int i;
	char key[32];

	for (i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "%s%04u", bucket, i);
		result = store_delete(batch(), text(bucket), text(key));
		if (result != STORE_DAMAGED)
			assert_ok(result);
	}
	commit();
}

/* Whatever page is damaged, the buckets that are served can be emptied. */
TEST(test_beside)
{
	make_buckets();
	wipe("second0", (size_t)_i);
	ck_assert_int_eq(walk(), WALK_DAMAGED);
	open_store();
	delete_all("first");
	delete_all("second");
	delete_all("third");
	assert_ok(store_checkpoint(fx.store));
}

/* In one transaction, with values of two sizes. */
static void
put_twice(const void *key, size_t key_size, uint8_t *value, size_t size,
    size_t next_size)
{
	MDB_val k = { key_size, NULL }, v = { size, value };
	MDB_env *env = open_raw();
	MDB_txn *txn;
	MDB_dbi dbi;

	memcpy(&k.mv_data, &key, sizeof(key));
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, "entries", 0, &dbi), 0);
	ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	v.mv_size = next_size;
	ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
count_call(void *arg)
{
	++*(unsigned int *)arg;
}

/* The list of free pages, which is one page here, has a page that cannot be where
 * LMDB begins to take some. */
static void
damage_free_list(void)
{
	/* Behind what limit_disk() allows. */
	const size_t nowhere = (size_t)1 << 20;
	uint8_t *file, *page, *numbers;
	size_t size, i, n;
	struct pages p;
	int fd;

	fd = open(fx.file, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(pages_open(&p, fd, 0));
	ck_assert_int_eq(p.free_list.depth, 1);
	file = read_file(&size);
	page = file + p.free_list.root * PAGE;
	for (i = 0; i < page_nodes(page); i++) {
		numbers = page + (page_node(page, i).data - page);
		memcpy(&n, numbers, sizeof(n));
		memcpy(numbers + n * sizeof(n), &nowhere, sizeof(nowhere));
	}
	ck_assert_int_eq(
	    pwrite(fd, page, PAGE, (off_t)(p.free_list.root * PAGE)), PAGE);
	pages_close(&p);
	free(file);
	(void)close(fd);
}

/* If LMDB fails to write there, it is not because the disk is full. */
TEST(test_free_list)
{
	open_store();
	put_many("first");
	assert_ok(store_checkpoint(fx.store));
	put_many("second");
	assert_ok(store_checkpoint(fx.store));
	shut();
	damage_free_list();
	open_store();
	limit_disk((off_t)1 << 28);
	put_many("third");
	ck_assert_int_eq(store_checkpoint(fx.store), STORE_FAILED);
	ck_assert_ptr_nonnull(
	    strstr(store_error(fx.store), "the list of free pages is damaged"));
	unlimit_disk();
	shut();
	ck_assert_int_eq(walk(), WALK_LOST);
}

/* Earlier kvds wrote values twice in a transaction of LMDB's, which leaves them
 * more pages than they need.  That is no damage, but all pages are looked at,
 * and the checkpointer answers meanwhile. */
TEST(test_more_pages)
{
	unsigned int calls = 0;
	struct store_options o = { .dir = fx.dir,
		.sync_ms = STORE_SYNC_NEVER,
		.log_size = LOG_SIZE,
		.alive = count_call,
		.alive_arg = &calls };
	uint8_t *large = make_value(40000);
	unsigned int i;

	open_with_bucket();
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(commit_filler(i, 1000), STORE_OK);
	assert_ok(store_checkpoint(fx.store));
	shut();
	put_twice("\0\0\0\0\0\0\0\1key", sizeof(uint64_t) + 3, large, 40000,
	    9000);
	free(large);
	assert_ok(store_open(&fx.store, &o));
	assert_ok(store_delete(batch(), text("b"), text("key")));
	commit();
	ck_assert_uint_eq(calls, 0);
	assert_ok(store_checkpoint(fx.store));
	ck_assert_uint_gt(calls, 100);
}

static const struct test tests[] = {
	STORE_CASE("damage"),
	ONCE(test_ranges),
	ONCE(test_too_many_ranges),
	ONCE(test_file),
	ONCE(test_malformed_file),
	ONCE(test_sound),
	ONCE(test_no_store),
	ONCE(test_in_use),
	ONCE(test_one_bucket),
	ONCE(test_long_key),
	ONCE(test_fold),
	ONCE(test_dropped),
	ONCE(test_branch),
	ONCE(test_last_page),
	ONCE(test_list_of_buckets),
	ONCE(test_read),
	ONCE(test_write),
	ONCE(test_write_beside),
	LOOP(test_beside, 10),
	ONCE(test_free_list),
	ONCE(test_more_pages),
};

SUITE("store_damage", tests)
