/*
 * check_store_copy: a backup has the store as it was, and is restored whole or
 * not at all; a store that is compacted is always there.
 */

#include "unit.h"

#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

#include "store/page.h"
#include "store/pages.h"
#include "store/store_copy.h"
#include "store/store_verify.h"

/* So often a child is killed, at most, each time at another system call. */
#define KILLS 40

/* A backup in memory. */
static struct backup {
	uint8_t data[1 << 20];
	size_t size, at;
} backup;

static ssize_t
write_backup(void *arg, const void *data, size_t size)
{
	struct backup *b = arg;

	if (size > sizeof(b->data) - b->size) {
		errno = ENOSPC;
		return -1;
	}
	memcpy(b->data + b->size, data, size);
	b->size += size;
	return (ssize_t)size;
}

static int
write_whole(void *arg, const void *data, size_t size)
{
	return write_backup(arg, data, size) == -1 ? -1 : 0;
}

static int
read_backup(void *arg, void *data, size_t size)
{
	struct backup *b = arg;

	errno = 0;
	if (size > b->size - b->at)
		return -1;
	memcpy(data, b->data + b->at, size);
	b->at += size;
	return 0;
}

static bool
go_on(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	return done <= total;
}

static struct copy_result result;

static struct copy_options
options(void)
{
	backup.at = 0;
	return (struct copy_options){ .dir = fx.dir,
		.log_size = fx.log_size,
		.write = write_backup,
		.read = read_backup,
		.go_on = go_on,
		.arg = &backup };
}

static void
make_backup(void)
{
	const struct copy_options o = options();

	backup.size = 0;
	if (store_backup(&o, &result) != STORE_OK)
		ck_abort_msg("backup: %s", result.error);
}

static enum store_result
restore(void)
{
	const struct copy_options o = options();

	return store_restore(&o, &result);
}

static enum store_result
compact(void)
{
	const struct copy_options o = options();

	return store_compact(&o, &result);
}

static void
note(void *arg, const char *line)
{
	(void)arg;
	ck_abort_msg("found: %s", line);
}

static bool
check_on(void *arg, uint64_t entries, uint64_t bytes)
{
	(void)arg;
	(void)entries;
	(void)bytes;
	return true;
}

static void
expect_sound(void)
{
	struct verify_options o = { .dir = fx.dir,
		.found = note,
		.go_on = check_on };
	struct verify_result found;

	ck_assert_int_eq(store_verify(&o, &found), STORE_OK);
}

static void
shut(void)
{
	store_close(fx.store);
	fx.store = NULL;
	fx.open = false;
}

/* Returns its checksum. */
static uint32_t
make_store(unsigned int writes)
{
	uint32_t sum;

	open_store();
	write_some(0, writes);
	sum = sum_store();
	shut();
	ck_assert_uint_ne(sum, 0);
	return sum;
}

static void
expect_sum(uint32_t want)
{
	uint32_t sum = sum_store();

	shut();
	ck_assert_uint_eq(sum, want);
}

static void
remove_store(void)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf %s", fx.dir);
	ck_assert_int_eq(system(command), 0);
}

static bool
has_file(const char *name)
{
	char path[sizeof(fx.dir) + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", fx.dir, name);
	return stat(path, &st) == 0;
}

TEST(test_backup)
{
	uint32_t want = make_store(300);
	uint64_t revision;

	make_backup();
	revision = result.revision;
	ck_assert_uint_gt(revision, 300);
	remove_store();
	ck_assert_int_eq(restore(), STORE_OK);
	ck_assert_uint_eq(result.revision, revision);
	expect_sound();
	expect_sum(want);
	/* It goes on from there, and can be folded. */
	open_store();
	write_some(300, 310);
	ck_assert_uint_gt(store_revision(snapshot()), revision);
	assert_ok(store_checkpoint(fx.store));
	shut();
	expect_sound();
	ck_assert_int_eq(restore(), STORE_REFUSED);
}

TEST(test_empty)
{
	open_store();
	shut();
	make_backup();
	ck_assert_uint_eq(result.entries, 0);
	remove_store();
	ck_assert_int_eq(restore(), STORE_OK);
	expect_sound();
}

/* Whatever byte is wrong, and wherever it ends. */
TEST(test_damaged_backup)
{
	size_t size, at;
	uint64_t state = 1;

	(void)make_store(20);
	make_backup();
	size = backup.size;
	remove_store();
	for (at = 0; at < size; at += (size_t)unit_random(&state) % 61) {
		backup.data[at] ^= (uint8_t)(1 << at % 8);
		ck_assert_int_ne(restore(), STORE_OK);
		backup.data[at] ^= (uint8_t)(1 << at % 8);
		ck_assert(!has_file("data.mdb") && !has_file("data.new"));
		backup.size = at;
		ck_assert_int_ne(restore(), STORE_OK);
		backup.size = size;
		ck_assert(!has_file("data.mdb") && !has_file("data.new"));
	}
	ck_assert_int_eq(restore(), STORE_OK);
}

TEST(test_newer_backup)
{
	open_store();
	shut();
	make_backup();
	remove_store();
	backup.data[8]++;
	ck_assert_int_eq(restore(), STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(result.error, "use the kvd that wrote"));
}

/* Of a kvd whose data had format 3, and so no sizes of buckets. */
static void
make_older(void)
{
	static struct backup older;
	struct backup_stream in, out;
	struct backup_head head;
	struct bytes key, value;
	unsigned int db;

	backup.at = older.size = 0;
	ck_assert_int_eq(backup_open(&in, read_backup, &backup, &head),
	    BACKUP_OK);
	head.data_format = 3;
	ck_assert_int_eq(backup_begin(&out, write_whole, &older, &head), 0);
	while (backup_next(&in, &db, &key, &value) == BACKUP_OK)
		if (db != 0 || memcmp(key.data, "size", 4) != 0)
			ck_assert_int_eq(backup_put(&out, db, key, value), 0);
	ck_assert_int_eq(backup_finish(&out), 0);
	backup_end(&in);
	backup_end(&out);
	ck_assert_uint_lt(older.size, backup.size);
	backup = older;
}

TEST(test_older_backup)
{
	uint32_t want = make_store(300);

	make_backup();
	make_older();
	remove_store();
	if (restore() != STORE_OK)
		ck_abort_msg("%s", result.error);
	expect_sound();
	expect_sum(want);
}

TEST(test_damaged_store)
{
	const struct copy_options o = options();

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("a value"), 0));
	commit();
	close_store();
	damage(text("a value"), 1, 1);
	backup.size = 0;
	ck_assert_int_eq(store_backup(&o, &result), STORE_DAMAGED);
	ck_assert_int_eq(compact(), STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(result.error, "bucket b, key k"));
}

/* 8,000 entries of 1,000 bytes, of which nine of ten go. */
static uint32_t
make_large_store(void)
{
	enum store_result grown;
	unsigned int i = 0;
	uint32_t sum;

	open_with_bucket();
	while (i < 8000)
		if (commit_filler(i, 1000) == STORE_OK)
			i++;
		else if ((grown = store_grow(fx.store)) == STORE_BEHIND)
			assert_ok(store_checkpoint(fx.store));
		else
			assert_ok(grown);
	for (i = 0; i < 8000; i++)
		if (i % 10 != 0)
			ck_assert_int_eq(commit_delete(i), STORE_OK);
	sum = sum_store();
	shut();
	return sum;
}

TEST(test_compact)
{
	uint32_t want = make_large_store();

	ck_assert_int_eq(compact(), STORE_OK);
	ck_assert_uint_lt(result.after, result.before);
	ck_assert_uint_le((uint64_t)file_size(), result.after);
	expect_sound();
	expect_sum(want);
	ck_assert_int_eq(compact(), STORE_OK);
	ck_assert_uint_eq(result.after, result.before);
	expect_sum(want);
}

TEST(test_full_disk)
{
	uint32_t want = make_large_store();
	enum store_result full;

	/* So that nothing is left to be folded. */
	(void)compact();
	make_backup();
	limit_disk(200000);
	full = compact();
	unlimit_disk();
	ck_assert_int_eq(full, STORE_FULL);
	ck_assert_ptr_nonnull(strstr(result.error, "make room"));
	ck_assert(!has_file("data.new"));
	expect_sound();
	expect_sum(want);
	remove_store();
	limit_disk(200000);
	full = restore();
	unlimit_disk();
	ck_assert_int_eq(full, STORE_FULL);
	ck_assert(!has_file("data.new") && !has_file("data.mdb"));
}

/* The log cannot be brought into data.mdb before. */
TEST(test_no_room_for_log)
{
	enum store_result full;
	unsigned int i;
	uint32_t want;

	open_with_bucket();
	for (i = 0; commit_filler(i, 1000) == STORE_OK; i++)
		;
	ck_assert_uint_gt(i, 500);
	want = sum_store();
	shut();
	limit_disk(300000);
	full = compact();
	unlimit_disk();
	ck_assert_int_ne(full, STORE_OK);
	ck_assert_str_ne(result.error, "");
	ck_assert(!has_file("data.new"));
	expect_sound();
	expect_sum(want);
	ck_assert_int_eq(compact(), STORE_OK);
	expect_sum(want);
}

/* What a compaction would hide, or write on. */
enum list {
	FREE_LIST, /* its root is lost */
	FREE_PAGE, /* a page that is in use is on it */
	EXPIRIES, /* a row is missing */
	SIZES, /* a bucket has other bytes than it says */
	LISTS
};

static void
wipe_free_list(void)
{
	static const uint8_t zeros[4096];
	int fd = open(fx.file, O_RDWR);
	struct pages p;

	ck_assert_ptr_null(pages_open(&p, fd, 0));
	ck_assert_uint_ne(p.free_list.root, SIZE_MAX);
	ck_assert_int_eq(pwrite(fd, zeros, p.page_size,
			     (off_t)(p.free_list.root * p.page_size)),
	    (ssize_t)p.page_size);
	pages_close(&p);
	(void)close(fd);
}

/* Writes the number of a page that is in use to the first record of the free
 * list, in the place of the first number. */
static void
free_used_page(void)
{
	int fd = open(fx.file, O_RDWR);
	struct pages_tree entries;
	uint8_t page[4096];
	struct pages p;
	off_t at;

	ck_assert_ptr_null(pages_open(&p, fd, 0));
	ck_assert_int_eq(pages_find_tree(&p, "entries", &entries), 1);
	ck_assert_uint_eq(p.free_list.depth, 1);
	at = (off_t)(p.free_list.root * p.page_size);
	ck_assert_int_eq(pread(fd, page, sizeof(page), at), sizeof(page));
	at += page_node(page, 0).data - page + (off_t)sizeof(size_t);
	ck_assert_int_eq(pwrite(fd, &entries.root, sizeof(size_t), at),
	    sizeof(size_t));
	pages_close(&p);
	(void)close(fd);
}

static void
delete_first(const char *db)
{
	MDB_val k, v;
	MDB_env *env = open_raw();
	MDB_cursor *cursor;
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, db, 0, &dbi), 0);
	ck_assert_int_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
	if (strcmp(db, "meta") == 0)
		do
			ck_assert_int_eq(
			    mdb_cursor_get(cursor, &k, &v, MDB_NEXT), 0);
		while (memcmp(k.mv_data, "size", 4) != 0);
	else
		ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_FIRST), 0);
	ck_assert_int_eq(mdb_cursor_del(cursor, 0), 0);
	mdb_cursor_close(cursor);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
damage_list(enum list list)
{
	switch (list) {
	case FREE_LIST:
		wipe_free_list();
		return;
	case FREE_PAGE:
		free_used_page();
		return;
	case EXPIRIES:
		delete_first("expiries");
		return;
	default:
		delete_first("meta");
	}
}

/* Nothing that is damaged is copied, or changed. */
TEST(test_compact_damaged)
{
	size_t size, size_after;
	uint8_t *before, *after;

	open_store();
	write_some(0, 200);
	assert_ok(store_checkpoint(fx.store));
	write_some(200, 300);
	assert_ok(store_checkpoint(fx.store));
	shut();
	expect_sound();
	damage_list((enum list)_i);
	before = read_file(&size);
	ck_assert_int_eq(compact(), STORE_DAMAGED);
	ck_assert_ptr_nonnull(strstr(result.error, "restore a backup"));
	ck_assert_ptr_nonnull(strstr(result.error, "kvd -c lists all"));
	ck_assert(!has_file("data.new"));
	after = read_file(&size_after);
	ck_assert_uint_eq(size, size_after);
	ck_assert_int_eq(memcmp(before, after, size), 0);
	free(before);
	free(after);
}

/* Runs it in a child that is killed at system call number `kill_at`.  Returns
 * how many system calls it made. */
static int
run_killed(enum store_result (*run)(void), int kill_at)
{
	int n = 0, status;
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(99);
		(void)raise(SIGSTOP);
		_exit(run() != STORE_OK);
	}
	for (;;) {
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		if (n++ == kill_at)
			(void)kill(pid, SIGKILL);
		(void)ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
	if (WIFEXITED(status))
		ck_assert_int_eq(WEXITSTATUS(status), 0);
	return n;
}

/* Copies the data directory beside it, or back. */
static void
copy_store(bool back)
{
	char command[1024];

	snprintf(command, sizeof(command),
	    back ? "rm -rf %s; cp -a %s.saved %s" :
		   "rm -rf %s.saved; "
		   "cp -a %s %s.saved",
	    fx.dir, fx.dir, fx.dir);
	ck_assert_int_eq(system(command), 0);
}

TEST(test_compact_killed)
{
	uint32_t want;
	int calls, at;

	want = make_large_store();
	copy_store(false);
	calls = run_killed(compact, -1);
	ck_assert_int_gt(calls, 50);
	for (at = 1; at < calls; at += calls / KILLS + 1) {
		copy_store(true);
		(void)run_killed(compact, at);
		expect_sound();
		expect_sum(want);
		ck_assert(!has_file("data.new"));
		ck_assert_int_eq(compact(), STORE_OK);
	}
}

TEST(test_restore_killed)
{
	uint32_t want = make_store(300);
	int calls, at;

	make_backup();
	remove_store();
	calls = run_killed(restore, -1);
	ck_assert_int_gt(calls, 50);
	for (at = 1; at < calls; at += calls / KILLS + 1) {
		remove_store();
		(void)run_killed(restore, at);
		if (!has_file("data.mdb"))
			ck_assert_int_eq(restore(), STORE_OK);
		expect_sound();
		expect_sum(want);
	}
}

static const struct test tests[] = {
	STORE_CASE("copy"),
	ONCE(test_backup),
	ONCE(test_empty),
	ONCE(test_damaged_backup),
	ONCE(test_newer_backup),
	ONCE(test_older_backup),
	ONCE(test_damaged_store),
	ONCE(test_compact),
	ONCE(test_full_disk),
	ONCE(test_no_room_for_log),
	LOOP(test_compact_damaged, LISTS),
	ONCE(test_compact_killed),
	ONCE(test_restore_killed),
};

SUITE("store_copy", tests)
