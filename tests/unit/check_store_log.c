/*
 * check_store_log: what the store makes of its log when it is opened after a
 * kill or damage: all that was acknowledged, or a refusal that names the file.
 * Only the last commit of the open segment may be lost, since damage to it
 * looks like a write that was cut off.
 */

#include "unit.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "store/segment.h"
#include "store_fixture.h"

#define INTERVAL_MS 50
/* Of a segment's header, the bytes that matter, and where its generation is. */
#define HEADER_SIZE 56
#define GENERATION_AT 16
/* So many commits in blocks of their own fill more than one segment. */
#define FEW 4
#define MANY 250
/* Of a pair's values: both fit a block. */
#define VALUE_SIZE ((size_t)1500)

static const int sync_modes[] = { STORE_SYNC_ALWAYS, INTERVAL_MS,
	STORE_SYNC_NEVER };

/* The wrapped fdatasync(2): fails once, and counts what comes after. */
static bool sync_fails;
static int syncs_since;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int
__wrap_fdatasync(int fd)
{
	syncs_since++;
	if (!sync_fails)
		return __real_fdatasync(fd);
	sync_fails = false;
	syncs_since = 0;
	errno = EIO;
	return -1;
}

/* This pwrite(2) is LMDB's, too.  When it is to, the process dies after LMDB has
 * written a meta page, and before it tells the others of the commit. */
static bool dies_at_commit;
static int headers_written; /* of segments */
#define META_SIZE_MAX 1024

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
	ssize_t n = syscall(SYS_pwrite64, fd, data, size, at);

	if (dies_at_commit && size < META_SIZE_MAX)
		(void)raise(SIGKILL);
	if (at == 0 && size >= SEGMENT_BLOCK)
		headers_written++;
	return n;
}

static void
setup(void)
{
	store_setup();
	fx.log_size = SEGMENT_SIZE_MIN;
}

#define LOG_CASE(name)                                                      \
	{                                                                   \
		.case_name = (name), .setup = setup,                        \
		.teardown = store_teardown, .setup_case = store_setup_case, \
		.teardown_case = store_teardown_case                        \
	}

/* Pairs of entries, each put by a commit of its own, to be there or not
 * together. */

static struct bytes
pair_key(char side, unsigned int i, char key[16])
{
	snprintf(key, 16, "%c%06u", side, i);
	return bytes_from_text(key);
}

static enum store_result
try_put_pair(unsigned int i, struct bytes value)
{
	enum store_result result;
	char key[16];

	if ((result = store_create(batch(), text("b"))) != STORE_OK ||
	    (result = store_put(batch(), text("b"), pair_key('x', i, key),
		 value, 0)) != STORE_OK)
		return result;
	return store_put(batch(), text("b"), pair_key('y', i, key), value, 0);
}

static void
put_pair(unsigned int i)
{
	struct bytes value = { make_value(VALUE_SIZE + i % 8),
		VALUE_SIZE + i % 8 };
	enum store_result result;

	while ((result = try_put_pair(i, value)) == STORE_FULL)
		assert_ok(store_grow(fx.store));
	assert_ok(result);
	commit();
	free((void *)(uintptr_t)value.data);
}

static void
put_pairs(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		put_pair(from);
}

static bool
has_entry(char side, unsigned int i)
{
	size_t size = VALUE_SIZE + i % 8;
	struct store_entry e;
	enum store_result result;
	uint8_t *value;
	char key[16];

	result = store_get(snapshot(), text("b"), pair_key(side, i, key), &e);
	if (result == STORE_ABSENT)
		return false;
	assert_ok(result);
	value = make_value(size);
	unit_assert_bytes(e.value, ((struct bytes){ value, size }));
	free(value);
	return true;
}

/* Is the whole pair there, or nothing of it? */
static bool
has_pair(unsigned int i)
{
	bool x = has_entry('x', i), y = has_entry('y', i);

	if (x != y)
		ck_abort_msg("half of pair %u", i);
	return x;
}

static void
assert_pairs(unsigned int n)
{
	uint64_t count;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!has_pair(i))
			ck_abort_msg("pair %u of %u is lost", i, n);
	ck_assert(!has_pair(n));
	assert_ok(store_count(snapshot(), text("b"), &count));
	ck_assert_uint_eq(count, 2 * (uint64_t)n);
	store_release(fx.store);
}

static void
stop(void)
{
	store_close(fx.store);
	fx.store = NULL;
	fx.open = false;
}

/* Runs in a process that then ends without closing the store. */
static void
die_after(void (*run)(void), int sync_ms)
{
	int status;
	pid_t pid;

	stop();
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		assert_ok(try_open(sync_ms));
		run();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
write_few(void)
{
	put_pairs(0, FEW);
}

/* More than a segment, of which nothing is folded. */
static void
write_many(void)
{
	put_pairs(0, MANY);
	ck_assert(store_sealed(fx.store) != 0);
}

/* So much that segments are used again. */
static void
write_much(void)
{
	put_pairs(0, 4 * MANY);
}

/* A segment that is sealed before it is durable, and commits that say that it
 * has become so. */
static void
write_many_and_sync(void)
{
	write_many();
	assert_ok(store_sync(fx.store));
	put_pair(MANY);
	assert_ok(store_sync(fx.store));
	put_pair(MANY + 1);
}

/* The files */

static const char *
log_path(int which)
{
	static char path[2][sizeof(fx.dir) + 16];

	snprintf(path[which], sizeof(path[which]), "%s/log.%d", fx.dir,
	    which + 1);
	return path[which];
}

static void
read_log(int which, void *data, size_t size, size_t at)
{
	int fd = open(log_path(which), O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(pread(fd, data, size, (off_t)at), (ssize_t)size);
	(void)close(fd);
}

static void
write_log(int which, const void *data, size_t size, size_t at)
{
	int fd = open(log_path(which), O_WRONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(pwrite(fd, data, size, (off_t)at), (ssize_t)size);
	(void)close(fd);
}

static void
flip(int which, size_t at, uint8_t bits)
{
	uint8_t byte;

	read_log(which, &byte, 1, at);
	byte ^= bits;
	write_log(which, &byte, 1, at);
}

static size_t
log_length(int which)
{
	struct stat st;

	ck_assert_int_eq(stat(log_path(which), &st), 0);
	return (size_t)st.st_size;
}

static uint8_t *
read_whole_log(int which, size_t *size)
{
	uint8_t *data;

	*size = log_length(which);
	data = malloc(*size + 1);
	ck_assert_ptr_nonnull(data);
	read_log(which, data, *size, 0);
	return data;
}

static uint64_t
generation(int which)
{
	uint64_t n;

	read_log(which, &n, sizeof(n), GENERATION_AT);
	return n;
}

/* The file of the segment that is written to. */
static int
open_log(void)
{
	return generation(1) > generation(0);
}

/* Where each commit begins; returns how many there are. */
static size_t
find_commits(int which, size_t *starts, size_t max)
{
	struct segment s = { .fd = -1, .direct_fd = -1 };
	const struct segment_commit *c;
	size_t size, n = 0;
	uint8_t *image;

	s.fd = open(log_path(which), O_RDONLY | O_CLOEXEC);
	ck_assert_int_ne(s.fd, -1);
	image = read_whole_log(which, &size);
	s.file_size = size;
	ck_assert_int_eq(segment_read_header(&s), SEGMENT_SOUND);
	while ((c = segment_next(&s, image)) != NULL) {
		ck_assert_uint_lt(n, max);
		starts[n++] = (size_t)((const uint8_t *)c - image);
		segment_accept(&s, image, c);
	}
	segment_close(&s);
	free(image);
	return n;
}

/* Refused each time, with the log as it was; `said' is in the error. */
static void
assert_refused(const char *said)
{
	uint8_t *before[2], *after;
	size_t size[2], now;
	int i, attempt;

	for (i = 0; i < 2; i++)
		before[i] = access(log_path(i), F_OK) == -1 ?
		    NULL :
		    read_whole_log(i, &size[i]);
	for (attempt = 0; attempt < 4; attempt++) {
		ck_assert_int_eq(try_open(STORE_SYNC_ALWAYS), STORE_REFUSED);
		if (strstr(store_error(fx.store), said) == NULL)
			ck_abort_msg("error without `%s': %s", said,
			    store_error(fx.store));
		stop();
	}
	for (i = 0; i < 2; i++) {
		if (before[i] == NULL) {
			ck_assert_int_eq(access(log_path(i), F_OK), -1);
			continue;
		}
		after = read_whole_log(i, &now);
		ck_assert_uint_eq(now, size[i]);
		ck_assert(memcmp(before[i], after, now) == 0);
		free(after);
		free(before[i]);
	}
}

static const char *
name_of(int which)
{
	return which == 0 ? "log.1" : "log.2";
}

/* After a kill */

static const struct {
	void (*write)(void);
	unsigned int pairs;
} runs[] = {
	{ write_few, FEW },
	{ write_many, MANY },
	{ write_much, 4 * MANY },
};

TEST(test_killed)
{
	int sync_ms = sync_modes[_i % 3];
	unsigned int n = runs[_i / 3].pairs;

	die_after(runs[_i / 3].write, sync_ms);
	assert_ok(try_open(sync_ms));
	assert_pairs(n);
	put_pair(n);
	stop();
	assert_ok(try_open(sync_ms));
	assert_pairs(n + 1);
	assert_ok(store_checkpoint(fx.store));
	assert_pairs(n + 1);
}

/* The segments take turns, and it matters to nobody which has which name. */
TEST(test_swapped)
{
	char other[sizeof(fx.dir) + 8];

	die_after(runs[_i].write, STORE_SYNC_ALWAYS);
	snprintf(other, sizeof(other), "%s/other", fx.dir);
	ck_assert_int_eq(rename(log_path(0), other), 0);
	ck_assert_int_eq(rename(log_path(1), log_path(0)), 0);
	ck_assert_int_eq(rename(other, log_path(1)), 0);
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_pairs(runs[_i].pairs);
}

static const size_t log_sizes[] = { 1, 4, 1, 3, 5, 2 };

TEST(test_log_size)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < COUNT(log_sizes); i++) {
		fx.log_size = log_sizes[i] << 20;
		assert_ok(try_open(sync_modes[_i]));
		ck_assert_uint_ge(store_batch_max(fx.store), fx.log_size / 4);
		put_pairs(n, n + MANY);
		n += MANY;
		assert_pairs(n);
		if (i % 2)
			stop();
	}
}

static enum store_result
put_value(const uint8_t *value, size_t size)
{
	enum store_result result;

	result = store_put(batch(), text("b"), text("k"),
	    (struct bytes){ value, size }, 0);
	if (result == STORE_OK)
		result = store_commit(fx.store);
	store_abort(fx.store);
	return result;
}

/* A clean stop when the segment has no block left for the mark of its end: a
 * commit that begins as late as one may and is as large as one may. */
TEST(test_stop_at_end)
{
	const size_t block = SEGMENT_BLOCK;
	uint8_t *value;
	size_t size;
	int i;

	/* A quarter of this is half a block more than a number of blocks. */
	fx.log_size = 770 * block;
	assert_ok(try_open(INTERVAL_MS));
	value = make_value(fx.log_size);
	assert_ok(store_create(batch(), text("b")));
	commit();
	for (i = 0; i < 8; i++)
		assert_ok(put_value(value, 64 * block - 300));
	assert_ok(put_value(value, 62 * block + 800));
	for (size = store_batch_max(fx.store); size > 0; size--)
		if (put_value(value, size) == STORE_OK)
			break;
	ck_assert_uint_gt(size, fx.log_size / 4 - 300);
	ck_assert(store_sealed(fx.store) == 0);
	stop();
	assert_ok(try_open(INTERVAL_MS));
	assert_value(snapshot(), text("b"), text("k"),
	    (struct bytes){ value, size });
	free(value);
}

/* A start and a stop leave the log as it is. */
TEST(test_idle_stops)
{
	uint8_t *before, *after;
	size_t size, now;
	int i;

	assert_ok(try_open(sync_modes[_i]));
	put_pairs(0, FEW);
	stop();
	before = read_whole_log(0, &size);
	for (i = 0; i < 3; i++) {
		assert_ok(try_open(sync_modes[_i]));
		stop();
	}
	after = read_whole_log(0, &now);
	ck_assert_uint_eq(now, size);
	ck_assert(memcmp(before, after, size) == 0);
	free(before);
	free(after);
}

/* Damage */

/* Each bit position of a header's and a record's bytes, in turn. */
static uint8_t
bit_of(size_t at)
{
	return (uint8_t)(1 << at % 8);
}

/* The last commit of the open segment alone: it may have been torn. */
TEST(test_damaged_last_commit)
{
	size_t starts[FEW + 1], n, at;
	uint8_t *sound;
	size_t size;

	die_after(write_few, sync_modes[_i]);
	n = find_commits(0, starts, FEW + 1);
	ck_assert_uint_eq(n, FEW);
	sound = read_whole_log(0, &size);
	for (at = starts[n - 1]; at < starts[n - 1] + 400; at += 3) {
		flip(0, at, bit_of(at));
		assert_ok(try_open(sync_modes[_i]));
		assert_pairs(FEW - 1);
		put_pair(FEW - 1);
		stop();
		assert_ok(try_open(sync_modes[_i]));
		assert_pairs(FEW);
		stop();
		write_log(0, sound, size, 0);
	}
	free(sound);
}

/* Of each other commit that is known to be durable. */
TEST(test_damaged_commit)
{
	size_t starts[FEW + 1], at;

	die_after(write_few, STORE_SYNC_ALWAYS);
	ck_assert_uint_eq(find_commits(0, starts, FEW + 1), FEW);
	for (at = starts[_i]; at < starts[_i] + 400; at += 7) {
		flip(0, at, bit_of(at));
		assert_refused("log.1: damaged at offset");
		flip(0, at, bit_of(at));
	}
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_pairs(FEW);
}

/* A clean stop vouches for all, whatever `sync' is. */
TEST(test_damaged_after_stop)
{
	size_t starts[FEW + 2], at;

	assert_ok(try_open(sync_modes[_i]));
	put_pairs(0, FEW);
	stop();
	ck_assert_uint_eq(find_commits(0, starts, FEW + 2), FEW + 1);
	for (at = starts[FEW - 1]; at < starts[FEW - 1] + 400; at += 41) {
		flip(0, at, bit_of(at));
		assert_refused("log.1: damaged at offset");
		flip(0, at, bit_of(at));
	}
	assert_ok(try_open(sync_modes[_i]));
	assert_pairs(FEW);
}

static const struct {
	void (*write)(void);
	int sync_ms;
	unsigned int pairs;
} sealed_runs[] = {
	{ write_many, STORE_SYNC_ALWAYS, MANY },
	{ write_many_and_sync, INTERVAL_MS, MANY + 2 },
};

/* Of the sealed segment each commit, the last one too. */
TEST(test_damaged_sealed)
{
	size_t starts[MANY], n, i, at;
	int sealed;

	die_after(sealed_runs[_i].write, sealed_runs[_i].sync_ms);
	sealed = !open_log();
	n = find_commits(sealed, starts, MANY);
	for (i = n % 20; i <= n; i += 20) {
		at = starts[i == 0 ? 0 : i - 1] +
		    i % sizeof(struct segment_commit);
		flip(sealed, at, bit_of(at));
		assert_refused("damaged at offset");
		flip(sealed, at, bit_of(at));
	}
	assert_ok(try_open(sealed_runs[_i].sync_ms));
	assert_pairs(sealed_runs[_i].pairs);
}

/* The headers of both, whichever is the open one. */
TEST(test_damaged_header)
{
	size_t at;

	die_after(runs[_i / 2].write, STORE_SYNC_ALWAYS);
	if (generation(_i % 2) == 0)
		return;
	for (at = 0; at < HEADER_SIZE; at += 5) {
		flip(_i % 2, at, bit_of(at));
		assert_refused(name_of(_i % 2));
		flip(_i % 2, at, bit_of(at));
	}
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_pairs(runs[_i / 2].pairs);
}

static void
remove_file(int which)
{
	ck_assert_int_eq(unlink(log_path(which)), 0);
}

static void
make_empty(int which)
{
	ck_assert_int_eq(truncate(log_path(which), 0), 0);
}

static void
truncate_header(int which)
{
	ck_assert_int_eq(truncate(log_path(which), 40), 0);
}

static void
truncate_commits(int which)
{
	ck_assert_int_eq(
	    truncate(log_path(which), (off_t)(3 * SEGMENT_BLOCK + 20)), 0);
}

static void
zero_header(int which)
{
	static const uint8_t zeros[SEGMENT_BLOCK];

	write_log(which, zeros, sizeof(zeros), 0);
}

static void
copy_other(int which)
{
	size_t size;
	uint8_t *data = read_whole_log(!which, &size);

	write_log(which, data, size, 0);
	free(data);
}

static void
make_huge(int which)
{
	ck_assert_int_eq(truncate(log_path(which), (off_t)300 << 30), 0);
}

static void (*const file_table[])(int) = { remove_file, make_empty,
	truncate_header, truncate_commits, zero_header, copy_other };

/* Of a sealed and an open segment, each. */
TEST(test_damaged_file)
{
	int which = _i % 2;

	die_after(write_many, STORE_SYNC_ALWAYS);
	file_table[_i / 2](which);
	assert_refused("log");
}

/* A file that no segment can be is not read. */
TEST(test_huge_file)
{
	die_after(write_many, STORE_SYNC_ALWAYS);
	make_huge(_i);
	ck_assert_int_eq(try_open(STORE_SYNC_ALWAYS), STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), name_of(_i)));
}

TEST(test_foreign)
{
	char first[sizeof(fx.dir)];
	size_t size;
	uint8_t *data;

	die_after(write_many, STORE_SYNC_ALWAYS);
	data = read_whole_log(_i, &size);
	memcpy(first, fx.dir, sizeof(first));
	strlcat(fx.dir, "2", sizeof(fx.dir));
	die_after(write_many, STORE_SYNC_ALWAYS);
	write_log(_i, data, size, 0);
	assert_refused("belongs to another store");
	free(data);
	memcpy(fx.dir, first, sizeof(first));
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_pairs(MANY);
}

/* The bytes of a commit that a client knows and puts, where blocks begin. */
static void
put_commits(void)
{
	static uint8_t value[4 * SEGMENT_BLOCK];
	size_t starts[FEW + 1], i;

	write_few();
	assert_ok(store_sync(fx.store));
	ck_assert_uint_eq(find_commits(0, starts, FEW + 1), FEW);
	for (i = 0; i + 400 < sizeof(value); i += 8) {
		/* At every place that one may begin at, one of them. */
		if (i % 512 == 0)
			read_log(0, value + i, 400, starts[i / 512 % FEW]);
	}
	assert_ok(store_put(batch(), text("b"), text("value"),
	    (struct bytes){ value, sizeof(value) }, 0));
	commit();
}

TEST(test_commits_in_value)
{
	size_t starts[FEW + 2], n;
	struct store_entry e;

	die_after(put_commits, sync_modes[_i]);
	n = find_commits(0, starts, FEW + 2);
	ck_assert_uint_eq(n, FEW + 1);
	assert_ok(try_open(sync_modes[_i]));
	assert_ok(store_get(snapshot(), text("b"), text("value"), &e));
	ck_assert_uint_eq(e.value.size, 4 * SEGMENT_BLOCK);
	assert_ok(store_delete(batch(), text("b"), text("value")));
	commit();
	assert_pairs(FEW);
	stop();
}

/* The commit that has them is torn. */
TEST(test_torn_commits_in_value)
{
	size_t starts[FEW + 2], n;

	die_after(put_commits, sync_modes[_i]);
	n = find_commits(0, starts, FEW + 2);
	flip(0, starts[n - 1] + sizeof(struct segment_commit) + 30, 4);
	assert_ok(try_open(sync_modes[_i]));
	assert_get(snapshot(), "b", "value", STORE_ABSENT);
	assert_pairs(FEW);
}

/* Errors */

/* What a sync has failed for is not synced again, nor vouched for. */
TEST(test_failed_sync)
{
	size_t starts[FEW + 2];

	assert_ok(try_open(INTERVAL_MS));
	put_pairs(0, FEW);
	sync_fails = true;
	ck_assert_int_eq(store_sync(fx.store), STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "log.1: sync"));
	stop();
	ck_assert_int_eq(syncs_since, 0);
	ck_assert_uint_eq(find_commits(0, starts, FEW + 2), FEW);
}

/* The header of a segment that was begun, which the kernel may have, and the
 * disk may not: it is written again before anything relies on it. */
TEST(test_failed_sync_of_header)
{
	uint64_t generation;

	assert_ok(try_open(STORE_SYNC_NEVER));
	put_pairs(0, FEW);
	sync_fails = true;
	ck_assert_int_eq(store_request_checkpoint(fx.store, &generation),
	    STORE_FAILED);
	ck_assert_ptr_nonnull(
	    strstr(store_error(fx.store), "log.2: cannot begin"));
	stop();
	headers_written = 0;
	open_store();
	/* That of log.1 as well, of which nothing was durable either. */
	ck_assert_int_eq(headers_written, 2);
	assert_pairs(FEW);
}

/* An entry that expires after its bucket was dropped is counted once. */
static void
ignore_removed(void *arg, struct bytes bucket, struct bytes key)
{
	(void)arg;
	(void)bucket;
	(void)key;
}

TEST(test_expired_and_dropped)
{
	struct store_stats stats;
	bool more;

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 1000));
	commit();
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_drop(batch(), text("b")));
	commit();
	assert_ok(store_checkpoint(fx.store));
	store_set_now(fx.store, 2000);
	assert_ok(store_expire(batch(), 10, ignore_removed, NULL, &more));
	commit();
	do
		assert_ok(store_purge(fx.store, 100, &more));
	while (more);
	assert_ok(store_stats(snapshot(), &stats));
	ck_assert_uint_eq(stats.expiring, 0);
	ck_assert_uint_eq(stats.keys, 0);
	ck_assert_uint_eq(stats.dropped_buckets, 0);
}

static enum store_result
try_open_role(enum store_role role)
{
	struct store_options o = { .role = role,
		.dir = fx.dir,
		.log_size = fx.log_size,
		.owner_pid = (long)getpid() };

	return store_open(&fx.store, &o);
}

/* Folds what is sealed, `max` keys at a time.  False: there was nothing. */
static bool
fold_as_checkpointer(size_t max, bool die)
{
	bool found = false, more;

	assert_ok(try_open_role(STORE_CHECKPOINTER));
	assert_ok(store_find_sealed(fx.store, &found));
	dies_at_commit = die;
	more = found;
	while (more)
		assert_ok(store_fold(fx.store, max, &more));
	return found;
}

/* A process that has the store open, so that lock.mdb stays as it is, and that
 * ends with the write end of this pipe. */
static int
fork_registry(void)
{
	int ready[2], ends[2];
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(ends), 0);
	if ((fx.owner = test_fork()) == 0) {
		(void)close(ends[1]);
		if (try_open_role(STORE_REGISTRY) != STORE_OK ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	(void)close(ready[1]);
	(void)close(ends[0]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return ends[1];
}

/* A checkpointer that could not make the sealed segment durable: for the next
 * one a sync would succeed, whatever has become of the segment. */
TEST(test_failed_sync_of_sealed)
{
	bool found;

	die_after(write_many, STORE_SYNC_NEVER);
	assert_ok(try_open_role(STORE_CHECKPOINTER));
	sync_fails = true;
	ck_assert_int_eq(store_find_sealed(fx.store, &found), STORE_FAILED);
	ck_assert(!found && !sync_fails);
	stop();
	headers_written = 0;
	ck_assert(fold_as_checkpointer(SIZE_MAX, false));
	ck_assert_int_eq(headers_written, 1);
	stop();
	open_store();
	assert_pairs(MANY);
}

/* A checkpointer that is killed when LMDB has written a commit, and not yet
 * told of it: the next one goes on from that commit. */
TEST(test_killed_in_commit)
{
	int status, fd;
	pid_t pid;

	die_after(write_many, STORE_SYNC_NEVER);
	fd = fork_registry();
	if ((pid = test_fork()) == 0) {
		/* The first transaction of several, or the only one. */
		(void)fold_as_checkpointer(_i == 0 ? 10 : SIZE_MAX, true);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(fold_as_checkpointer(10, false), _i == 0);
	ck_assert_uint_ne(store_folded(fx.store), 0);
	stop();
	(void)close(fd);
	ck_assert_int_eq(waitpid(fx.owner, &status, 0), fx.owner);
	ck_assert_int_eq(status, 0);
	fx.owner = 0;
	open_store();
	assert_pairs(MANY);
}

/* After a power cut the sealed segment lacks its last commit.  A checkpointer
 * that comes before the registry leaves it alone. */
TEST(test_checkpointer_first)
{
	static const uint8_t zeros[sizeof(struct segment_commit)];
	size_t starts[MANY], n;
	bool found;
	int which;

	die_after(write_many, STORE_SYNC_NEVER);
	which = 1 - open_log();
	n = find_commits(which, starts, MANY);
	write_log(which, zeros, sizeof(zeros), starts[n - 1]);
	assert_ok(try_open_role(STORE_CHECKPOINTER));
	ck_assert_int_eq(store_find_sealed(fx.store, &found), STORE_DAMAGED);
	ck_assert(!found);
	stop();
	open_store();
	ck_assert_uint_eq(store_sealed(fx.store), 0);
}

TEST(test_checkpointer_without_log)
{
	die_after(write_few, STORE_SYNC_NEVER);
	remove_file(_i);
	ck_assert_int_eq(try_open_role(STORE_CHECKPOINTER), STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "from one backup"));
}

static const struct test tests[] = {
	LOG_CASE("kill"),
	LOOP(test_killed, 9),
	EACH(test_swapped, runs),
	EACH(test_log_size, sync_modes),
	ONCE(test_stop_at_end),
	EACH(test_idle_stops, sync_modes),
	LOG_CASE("damage"),
	EACH(test_damaged_last_commit, sync_modes),
	LOOP(test_damaged_commit, FEW - 1),
	EACH(test_damaged_after_stop, sync_modes),
	EACH(test_damaged_sealed, sealed_runs),
	LOOP(test_damaged_header, 6),
	LOOP(test_damaged_file, 2 * COUNT(file_table)),
	LOOP(test_huge_file, 2),
	LOOP(test_foreign, 2),
	EACH(test_commits_in_value, sync_modes),
	EACH(test_torn_commits_in_value, sync_modes),
	LOG_CASE("errors"),
	ONCE(test_failed_sync),
	ONCE(test_failed_sync_of_header),
	ONCE(test_failed_sync_of_sealed),
	LOOP(test_killed_in_commit, 2),
	ONCE(test_checkpointer_first),
	LOOP(test_checkpointer_without_log, 2),
	ONCE(test_expired_and_dropped),
};

SUITE("store_log", tests)
