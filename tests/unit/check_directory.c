/*
 * check_directory: these tests check how a process opens a directory that it is
 * to own (common/directory).
 */

#include "unit.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "common/directory.h"

/* This is a user other than root. */
#define OTHER_UID 65534

static char top[] = "/tmp/check_directory.XXXXXX";
static char error[512];

/* This returns the path of `name` in the test's directory.  The string stays
 * valid for four calls. */
static const char *
path_of(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", top, name);
	return path;
}

static void
make(const char *name, mode_t mode)
{
	ck_assert_int_eq(mkdir(path_of(name), 0700), 0);
	ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

static void
make_link(const char *target, const char *name)
{
	ck_assert_int_eq(symlink(target, path_of(name)), 0);
}

static void
setup(void)
{
	strcpy(top, "/tmp/check_directory.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	make("own", 0700);
	make("open", 01777);
	make("group", 0770);
	make("safe", 0755);
	make("safe/inside", 0755);
}

static void
teardown(void)
{
	char command[sizeof(top) + 16];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
expect_open(const char *path, int mode, const char *real)
{
	struct stat want, got;
	int fd;

	fd = directory_open(path, mode, error, sizeof(error));
	ck_assert_msg(fd != -1, "%s: %s", path, error);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &got), 0);
	ck_assert_int_eq(lstat(real, &want), 0);
	ck_assert_uint_eq(want.st_ino, got.st_ino);
	ck_assert_uint_eq(want.st_dev, got.st_dev);
	(void)close(fd);
	ck_assert_int_eq(directory_check(path, error, sizeof(error)), 0);
}

/* Both functions must give the same result. */
static void
expect_refused(const char *path, int mode, int want, const char *text)
{
	int i, rc;

	for (i = 0; i < 2; i++) {
		error[0] = '\0';
		errno = 0;
		rc = i == 0 ? directory_open(path, mode, error, sizeof(error)) :
			      directory_check(path, error, sizeof(error));
		ck_assert_int_eq(rc, -1);
		ck_assert_msg(errno == want, "errno %d: %s", errno, error);
		ck_assert_msg(strstr(error, text) != NULL, "%s", error);
		ck_assert_ptr_null(strchr(error, '\n'));
	}
}

TEST(test_open)
{
	expect_open(path_of("own"), -1, path_of("own"));
	expect_open(path_of("own"), 0755, path_of("own"));
	ck_assert_uint_eq(mode_of(path_of("own")), 0700);
	expect_open(path_of("own///"), -1, path_of("own"));
	expect_open(path_of("./safe//inside/../../own/."), -1, path_of("own"));
	if (geteuid() == 0)
		expect_open("/", -1, "/");
}

TEST(test_create)
{
	mode_t old = umask(_i == 0 ? 0 : 0777);

	expect_open(path_of("safe/new"), 0700, path_of("safe/new"));
	expect_open(path_of("safe/newer/"), 0755, path_of("safe/newer"));
	/* A new directory may be created in one that everybody can write to. */
	expect_open(path_of("open/new"), 0711, path_of("open/new"));
	(void)umask(old);
	ck_assert_uint_eq(mode_of(path_of("safe/new")), 0700);
	ck_assert_uint_eq(mode_of(path_of("safe/newer")), 0755);
	ck_assert_uint_eq(mode_of(path_of("open/new")), 0711);
}

TEST(test_absent)
{
	const char *path = path_of("safe/absent");

	ck_assert_int_eq(directory_open(path, -1, error, sizeof(error)), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(directory_check(path, error, sizeof(error)), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	/* Only the last component of a path is ever created. */
	expect_refused(path_of("safe/absent/too"), 0700, ENOENT, "absent");
	ck_assert_int_eq(access(path, F_OK), -1);
}

TEST(test_not_a_directory)
{
	int fd = creat(path_of("safe/file"), 0600);

	ck_assert_int_ne(fd, -1);
	(void)close(fd);
	expect_refused(path_of("safe/file"), 0700, ENOTDIR,
	    "file is not a directory");
	expect_refused(path_of("safe/file/more"), 0700, ENOTDIR,
	    "file is not a directory");
}

TEST(test_writable_by_others)
{
	expect_refused(path_of("open"), 0700, EPERM, "chmod go-w");
	expect_refused(path_of("group"), -1, EPERM, "chmod go-w");
}

TEST(test_owner)
{
	const char *path = path_of("safe/inside");
	char text[64];

	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, OTHER_UID, OTHER_UID), 0);
	else
		path = "/usr";
	snprintf(text, sizeof(text), "belongs to user %d, not to user %lu",
	    geteuid() == 0 ? OTHER_UID : 0, (unsigned long)geteuid());
	expect_refused(path, 0700, EPERM, text);
}

/* This is how root runs kvd in a source tree that an ordinary user owns. */
TEST(test_owner_of_ancestor)
{
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path_of("safe"), OTHER_UID, OTHER_UID),
		    0);
	expect_open(path_of("safe/new"), 0700, path_of("safe/new"));
}

TEST(test_link)
{
	make_link("inside", "safe/relative");
	make_link(path_of("safe/inside"), "safe/absolute");
	make_link("../safe/relative/../absolute", "safe/chain");
	make_link("../safe", "open/link");
	make_link("../safe", "group/link");
	make_link("../open/link/inside", "safe/through");

	expect_open(path_of("safe/relative"), -1, path_of("safe/inside"));
	expect_open(path_of("safe/absolute"), 0700, path_of("safe/inside"));
	expect_open(path_of("safe/chain"), -1, path_of("safe/inside"));
	expect_open(path_of("safe/chain/new"), 0700,
	    path_of("safe/inside/new"));
	/* The link is the first component, a middle one, or follows another
	 * link. */
	expect_refused(path_of("open/link"), 0700, EPERM, "symbolic link link");
	expect_refused(path_of("group/link"), 0700, EPERM,
	    "symbolic link link");
	expect_refused(path_of("open/link/inside"), 0700, EPERM,
	    "symbolic link link");
	expect_refused(path_of("safe/through"), 0700, EPERM,
	    "symbolic link link");
}

/* No directory is created at the target of such a link. */
TEST(test_dangling_link)
{
	make_link(path_of("safe/planted"), "open/link");
	expect_refused(path_of("open/link"), 0700, EPERM, "symbolic link link");
	ck_assert_int_eq(access(path_of("safe/planted"), F_OK), -1);
}

TEST(test_loop)
{
	make_link("two", "safe/one");
	make_link("one", "safe/two");
	expect_refused(path_of("safe/one"), 0700, ELOOP, "too many");
}

TEST(test_malformed)
{
	char path[2 * PATH_MAX];

	expect_refused("", 0700, EINVAL, "not an absolute path");
	expect_refused("own", 0700, EINVAL, "not an absolute path");
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	expect_refused(path, 0700, ENAMETOOLONG, "too long");
	path[1 + NAME_MAX + 1] = '\0';
	expect_refused(path, 0700, ENAMETOOLONG, "too long");
}

TEST(test_no_access)
{
	if (geteuid() == 0)
		return; /* Root may open every directory. */
	make("closed", 0000);
	make("read", 0500);
	expect_refused(path_of("closed"), 0700, EACCES, "ermission");
	expect_refused(path_of("closed/new"), 0700, EACCES, "ermission");
	expect_refused(path_of("read/new"), 0700, EACCES, "cannot create");
	ck_assert_int_eq(directory_check(path_of("read"), error, sizeof(error)),
	    -1);
	ck_assert_int_eq(errno, EACCES);
}

/* The test runs out of descriptors at each place where one is opened. */
TEST(test_shortage)
{
	struct rlimit old, limit;
	int fd, got = -1;

	fd = dup(STDERR_FILENO);
	ck_assert_int_ne(fd, -1);
	(void)close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	for (limit.rlim_cur = (rlim_t)fd; got == -1; limit.rlim_cur++) {
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		got = directory_open(path_of("safe/new"), 0700, error,
		    sizeof(error));
		if (got == -1) {
			ck_assert_int_eq(errno, EMFILE);
			ck_assert_ptr_nonnull(strstr(error, "open files"));
		}
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	(void)close(got);
	/* No descriptor has been left open. */
	ck_assert_int_eq(dup(STDERR_FILENO), fd);
	(void)close(fd);
}

/* Root makes a directory for another user, but not where somebody else could
 * put another one in its place. */
TEST(test_provide)
{
	const uid_t user = 12345;
	const gid_t group = 23456;
	struct stat st;

	if (geteuid() != 0) {
		printf("not running as root: directories for other users are "
		       "not tested\n");
		return;
	}
	ck_assert_int_eq(directory_provide(path_of("safe/new"), 0700, user,
			     group, error, sizeof(error)),
	    0);
	ck_assert_int_eq(stat(path_of("safe/new"), &st), 0);
	ck_assert_uint_eq(st.st_uid, user);
	ck_assert_uint_eq(st.st_gid, group);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	/* One that is there stays as it is. */
	ck_assert_int_eq(directory_provide(path_of("safe/new"), 0755, user, 1,
			     error, sizeof(error)),
	    0);
	ck_assert_uint_eq(mode_of(path_of("safe/new")), 0700);
	ck_assert_int_eq(directory_provide(path_of("safe/new"), 0700, user + 1,
			     group, error, sizeof(error)),
	    -1);
	ck_assert_ptr_nonnull(strstr(error,
	    "belongs to user 12345, not to "
	    "user 12346"));
	ck_assert_int_eq(directory_provide(path_of("open/new"), 0700, user,
			     group, error, sizeof(error)),
	    -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(strstr(error, "others than root may write to"));
	ck_assert_int_eq(directory_provide(path_of("safe/new/new"), 0700, user,
			     group, error, sizeof(error)),
	    -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(directory_provide(path_of("safe/no/new"), 0700, user,
			     group, error, sizeof(error)),
	    -1);
	ck_assert_int_eq(errno, ENOENT);
}

static bool cannot_give;

int __wrap_fchownat(int, const char *, uid_t, gid_t, int);
int __real_fchownat(int, const char *, uid_t, gid_t, int);

int
__wrap_fchownat(int fd, const char *path, uid_t uid, gid_t gid, int flags)
{
	if (!cannot_give)
		return __real_fchownat(fd, path, uid, gid, flags);
	errno = EPERM;
	return -1;
}

/* What cannot be given to its user is not left behind as root's. */
TEST(test_not_given)
{
	struct stat st;

	if (geteuid() != 0)
		return;
	cannot_give = true;
	ck_assert_int_eq(directory_provide(path_of("safe/new"), 0700, 12345,
			     23456, error, sizeof(error)),
	    -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(strstr(error, "cannot give "));
	ck_assert_int_eq(stat(path_of("safe/new"), &st), -1);
	/* One that was there is not removed. */
	ck_assert_int_eq(mkdir(path_of("safe/new"), 0700), 0);
	ck_assert_int_eq(directory_provide(path_of("safe/new"), 0700, 12345,
			     23456, error, sizeof(error)),
	    -1);
	ck_assert_int_eq(stat(path_of("safe/new"), &st), 0);
	cannot_give = false;
}

static const struct test tests[] = {
	CASE("directory", setup, teardown),
	ONCE(test_open),
	LOOP(test_create, 2),
	ONCE(test_absent),
	ONCE(test_not_a_directory),
	ONCE(test_writable_by_others),
	ONCE(test_owner),
	ONCE(test_owner_of_ancestor),
	ONCE(test_link),
	ONCE(test_dangling_link),
	ONCE(test_loop),
	ONCE(test_malformed),
	ONCE(test_no_access),
	ONCE(test_shortage),
	ONCE(test_provide),
	ONCE(test_not_given),
};

SUITE("directory", tests)
