/*
 * check_backup_file: a backup's file appears when it is whole and durable, or
 * not at all, also where the file system has no files without a name.
 */

#include "unit.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "maintain/backup_file.h"

int __real_open(const char *, int, ...);
int __wrap_open(const char *, int, ...);
int __real_fsync(int);
int __wrap_fsync(int);

static struct {
	char dir[32], path[64];
	const char *data; /* the data directory */
	bool no_unnamed; /* the file system has no files without a name */
	int fail_sync; /* which fsync(2) fails; 0: none */
	int syncs; /* so far */
	bool synced_file, synced_directory, named_before_sync;
} fx;

int
__wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (fx.no_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_open(path, flags, mode);
}

int
__wrap_fsync(int fd)
{
	struct stat st;

	if (++fx.syncs == fx.fail_sync) {
		errno = EIO;
		return -1;
	}
	ck_assert_int_eq(fstat(fd, &st), 0);
	if (S_ISDIR(st.st_mode))
		fx.synced_directory = true;
	else {
		fx.synced_file = true;
		fx.named_before_sync = access(fx.path, F_OK) == 0;
	}
	return __real_fsync(fd);
}

static void
setup(void)
{
	memset(&fx, 0, sizeof(fx));
	(void)strcpy(fx.dir, "/tmp/kvd.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fx.dir));
	snprintf(fx.path, sizeof(fx.path), "%s/backup", fx.dir);
	fx.data = "/";
}

static int
count_files(void)
{
	DIR *dir = opendir(fx.dir);
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void
teardown(void)
{
	(void)unlink(fx.path);
	ck_assert_int_eq(rmdir(fx.dir), 0);
}

static int
make(bool replace, const char *text)
{
	struct backup_file f;
	int rc;

	rc = backup_file_open(&f, fx.path, fx.data, replace);
	if (rc == 0) {
		ck_assert_int_eq(backup_file_write(&f, text, strlen(text)),
		    (ssize_t)strlen(text));
		rc = backup_file_finish(&f);
	}
	backup_file_close(&f);
	return rc;
}

static void
expect_text(const char *want)
{
	char text[32] = "";
	struct stat st;
	int fd = __real_open(fx.path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_ge(read(fd, text, sizeof(text) - 1), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	(void)close(fd);
	ck_assert_str_eq(text, want);
	ck_assert_int_eq(count_files(), 1);
}

static const bool unnamed[] = { true, false };

TEST(test_durable)
{
	fx.no_unnamed = !unnamed[_i];
	ck_assert_int_eq(make(false, "one"), 0);
	ck_assert(fx.synced_file && fx.synced_directory);
	ck_assert(!fx.named_before_sync);
	expect_text("one");
	ck_assert_int_eq(make(false, "two"), -1);
	expect_text("one");
	ck_assert_int_eq(make(true, "two"), 0);
	expect_text("two");
}

/* Whichever fsync(2) fails: what had the name before keeps it until then. */
TEST(test_not_durable)
{
	fx.no_unnamed = !unnamed[_i];
	fx.fail_sync = 1;
	ck_assert_int_eq(make(false, "one"), -1);
	ck_assert_int_eq(count_files(), 0);
	fx.syncs = 0;
	fx.fail_sync = 2;
	ck_assert_int_eq(make(false, "one"), -1);
	fx.fail_sync = 0;
	ck_assert_int_eq(make(true, "two"), 0);
	fx.syncs = 0;
	fx.fail_sync = 1;
	ck_assert_int_eq(make(true, "three"), -1);
	expect_text("two");
}

TEST(test_given_up)
{
	struct backup_file f;

	fx.no_unnamed = !unnamed[_i];
	ck_assert_int_eq(backup_file_open(&f, fx.path, fx.data, false), 0);
	ck_assert_int_eq(backup_file_write(&f, "half", 4), 4);
	ck_assert_int_ne(access(fx.path, F_OK), 0);
	backup_file_close(&f);
	ck_assert_int_eq(count_files(), 0);
}

/* Another one has taken the name meanwhile. */
TEST(test_taken)
{
	struct backup_file f;

	fx.no_unnamed = !unnamed[_i];
	ck_assert_int_eq(backup_file_open(&f, fx.path, fx.data, false), 0);
	ck_assert_int_eq(make(false, "first"), 0);
	ck_assert_int_eq(backup_file_finish(&f), -1);
	ck_assert_ptr_nonnull(strstr(f.error, "exists already"));
	backup_file_close(&f);
	expect_text("first");
}

/* Not even with another name, and by another path. */
TEST(test_data_directory)
{
	struct backup_file f;
	char data[64];

	snprintf(data, sizeof(data), "/tmp/../%s", fx.dir);
	ck_assert_int_eq(backup_file_open(&f, fx.path, data, _i != 0), -1);
	ck_assert_ptr_nonnull(strstr(f.error, "is in the data directory"));
	ck_assert_int_eq(errno, 0);
	backup_file_close(&f);
	ck_assert_int_eq(count_files(), 0);
}

static const struct test tests[] = {
	CASE("backup_file", setup, teardown),
	EACH(test_durable, unnamed),
	EACH(test_not_durable, unnamed),
	EACH(test_given_up, unnamed),
	EACH(test_taken, unnamed),
	LOOP(test_data_directory, 2),
};

SUITE("backup_file", tests)
