/*
 * check_landlock: these tests confine processes to some files, and look at what
 * they can still reach (common/landlock).
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/landlock.h"

/* The version of the interface from which on it covers TCP, and signals. */
#define VERSION_TCP 4
#define VERSION_SIGNALS 6

static char dir[64];
static int dir_fd;

static void
setup(void)
{
	int fd;

	(void)strcpy(dir, "/tmp/check_landlock.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_ne(dir_fd = open(dir, O_RDONLY | O_DIRECTORY), -1);
	ck_assert_int_eq(mkdirat(dir_fd, "in", 0755), 0);
	ck_assert_int_eq(mkdirat(dir_fd, "out", 0755), 0);
	ck_assert_int_ne(fd = openat(dir_fd, "in/a", O_CREAT | O_WRONLY, 0644),
	    -1);
	(void)close(fd);
	ck_assert_int_ne(fd = openat(dir_fd, "out/a", O_CREAT | O_WRONLY, 0644),
	    -1);
	(void)close(fd);
}

static void
teardown(void)
{
	(void)unlinkat(dir_fd, "in/a", 0);
	(void)unlinkat(dir_fd, "in/b", 0);
	(void)unlinkat(dir_fd, "out/a", 0);
	(void)unlinkat(dir_fd, "in", AT_REMOVEDIR);
	(void)unlinkat(dir_fd, "out", AT_REMOVEDIR);
	(void)close(dir_fd);
	(void)rmdir(dir);
}

/* 0: the kernel has it not. */
static long
version(void)
{
	int rules = landlock_begin();

	ck_assert_int_ne(rules, -1);
	if (rules == LANDLOCK_NONE)
		return 0;
	(void)close(rules);
	return syscall(444, NULL, (size_t)0, 1);
}

/* This runs `run` in a process that may reach only `in`, which returns the
 * number of what went wrong. */
static void
expect_confined(unsigned int access, int (*run)(void))
{
	char path[80];
	int rules, status;
	pid_t pid;

	if (version() < 1) {
		printf("landlock: not tested, this kernel does not have it\n");
		return;
	}
	snprintf(path, sizeof(path), "%s/in", dir);
	if ((pid = test_fork()) == 0) {
		rules = landlock_begin();
		if (landlock_allow(rules, path, access) == -1 ||
		    landlock_allow(rules, "/nonexistent", access) == -1 ||
		    landlock_enter(rules) == -1)
			_exit(99);
		_exit(run());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static bool
opens(const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_CLOEXEC, 0644);

	if (fd == -1)
		return false;
	(void)close(fd);
	return true;
}

static bool
is_hidden(const char *name, int flags)
{
	return !opens(name, flags) && errno == EACCES;
}

static int
only_reads(void)
{
	if (!opens("in/a", O_RDONLY))
		return 1;
	if (!is_hidden("in/a", O_WRONLY) || !is_hidden("in/a", O_RDWR))
		return 2;
	if (!is_hidden("in/b", O_WRONLY | O_CREAT))
		return 3;
	if (unlinkat(dir_fd, "in/a", 0) != -1 || errno != EACCES)
		return 4;
	if (!is_hidden("out/a", O_RDONLY) || !is_hidden("/dev/null", O_RDONLY))
		return 5;
	return !is_hidden("in", O_RDONLY | O_DIRECTORY) ? 6 : 0;
}

static int
works_with_files(void)
{
	if (!opens("in/a", O_RDWR | O_TRUNC) ||
	    !opens("in/b", O_RDWR | O_CREAT) ||
	    !opens("in", O_RDONLY | O_DIRECTORY))
		return 1;
	if (unlinkat(dir_fd, "in/b", 0) == -1)
		return 2;
	if (!is_hidden("out/b", O_RDWR | O_CREAT) ||
	    !is_hidden("/etc/passwd", O_RDONLY))
		return 3;
	if (mkdirat(dir_fd, "in/d", 0755) != -1 || errno != EACCES ||
	    symlinkat("a", dir_fd, "in/l") != -1 || errno != EACCES)
		return 4;
	(void)execl("/bin/true", "true", (char *)NULL);
	return errno != EACCES ? 5 : 0;
}

static int
has_no_tcp(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ||
	    errno != EACCES)
		return 1;
	sin.sin_port = htons(9);
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ||
	    errno != EACCES;
}

static int
signals_nobody(void)
{
	if (kill(getppid(), 0) != -1 || errno != EPERM)
		return 1;
	return kill(getpid(), 0) == 0 ? 0 : 2;
}

TEST(test_read)
{
	expect_confined(LANDLOCK_READ, only_reads);
}

TEST(test_change)
{
	expect_confined(LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_CHANGE,
	    works_with_files);
}

TEST(test_tcp)
{
	if (version() >= VERSION_TCP)
		expect_confined(LANDLOCK_READ, has_no_tcp);
}

TEST(test_signals)
{
	if (version() >= VERSION_SIGNALS)
		expect_confined(LANDLOCK_READ, signals_nobody);
}

static int
enter_often(void)
{
	int i;

	/* More often than the kernel allows. */
	for (i = 0; i < 20; i++)
		if (landlock_enter(landlock_begin()) == -1)
			return 1;
	return 0;
}

TEST(test_again)
{
	expect_confined(LANDLOCK_READ, enter_often);
}

/* Where there is no landlock(7), nothing is done, and nothing fails. */
TEST(test_none)
{
	ck_assert_int_eq(landlock_allow(LANDLOCK_NONE, "/", LANDLOCK_READ), 0);
	ck_assert_int_eq(landlock_allow_fd(LANDLOCK_NONE, -1, LANDLOCK_READ),
	    0);
	ck_assert_int_eq(landlock_enter(LANDLOCK_NONE), 0);
}

static const struct test tests[] = {
	CASE("landlock", setup, teardown),
	ONCE(test_read),
	ONCE(test_change),
	ONCE(test_tcp),
	ONCE(test_signals),
	ONCE(test_again),
	ONCE(test_none),
};

SUITE("landlock", tests)
