/*
 * check_startup: these tests check how a process puts in order what it inherits
 * (common/startup).  Each test is a process of its own, whose inherited state
 * is bad.
 */

#include "unit.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/startup.h"

/* Check's own descriptors must stay open. */
#define HIGH_FD 200

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* These tests check standard descriptors: bits 0 to 2 say which are closed
 * first. */
TEST(test_descriptors)
{
	bool reads, writes, discards;
	struct stat before[3], after;
	char byte;
	int fd;

	fflush(NULL);
	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (_i & 1 << fd)
			(void)close(fd);
		else
			(void)fstat(fd, &before[fd]);
	startup_descriptors();
	for (fd = 0; fd <= STDERR_FILENO; fd++) {
		ck_assert(is_open(fd));
		if ((_i & 1 << fd) == 0) {
			ck_assert_int_eq(fstat(fd, &after), 0);
			ck_assert_uint_eq(after.st_ino, before[fd].st_ino);
		}
	}
	reads = (_i & 1) == 0 || read(STDIN_FILENO, &byte, 1) == 0;
	writes = (_i & 2) == 0 ||
	    (write(STDOUT_FILENO, "x", 1) == -1 && errno == EBADF);
	discards = (_i & 4) == 0 || write(STDERR_FILENO, "x", 1) == 1;
	ck_assert(reads);
	ck_assert(writes);
	ck_assert(discards);
}

/* These tests check signals: which are blocked and ignored afterwards. */

static void
caught(int signo)
{
	(void)signo;
}

static bool
is_in(const int *list, int signo)
{
	for (; *list != 0; list++)
		if (*list == signo)
			return true;
	return false;
}

static void
disturb_signals(void)
{
	sigset_t all;
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, signo % 2 == 0 ? SIG_IGN : caught);
	sigfillset(&all);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, NULL), 0);
}

static void
expect_signals(const int *blocked, const int *ignored)
{
	struct sigaction action;
	sigset_t mask;
	int signo;

	ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	for (signo = 1; signo < NSIG; signo++) {
		ck_assert_msg(sigismember(&mask, signo) != 1 ||
			is_in(blocked, signo),
		    "signal %d is blocked", signo);
		ck_assert(
		    !is_in(blocked, signo) || sigismember(&mask, signo) == 1);
		/* The C library reserves two signals. */
		if (sigaction(signo, NULL, &action) == -1)
			continue;
		ck_assert_msg(action.sa_handler ==
			(is_in(ignored, signo) ? SIG_IGN : SIG_DFL),
		    "signal %d has another action", signo);
	}
}

TEST(test_master_signals)
{
	static const int blocked[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM,
		SIGUSR1, 0 };
	static const int ignored[] = { SIGPIPE, SIGTTOU, SIGXFSZ, 0 };

	disturb_signals();
	startup_master();
	expect_signals(blocked, ignored);
}

TEST(test_child_signals)
{
	static const int blocked[] = { SIGCHLD, SIGTERM, 0 };
	static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGTTOU,
		SIGUSR1, SIGXFSZ, 0 };
	char name[16];

	disturb_signals();
	startup_child("a-name");
	expect_signals(blocked, ignored);
	ck_assert_int_eq(prctl(PR_GET_NAME, name, 0, 0, 0), 0);
	ck_assert_str_eq(name, "a-name");
}

TEST(test_unblock)
{
	static const int none[] = { 0 };
	static const int ignored[] = { SIGPIPE, SIGTTOU, SIGXFSZ, 0 };

	startup_master();
	startup_unblock();
	expect_signals(none, ignored);
}

/* Of the pending signals, only those stay pending that kvd handles. */
TEST(test_pending)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	sigset_t mask, pending;
	size_t i;

	sigemptyset(&mask);
	for (i = 0; i < COUNT(signals); i++)
		sigaddset(&mask, signals[i]);
	sigaddset(&mask, SIGALRM);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
	ck_assert_int_eq(raise(SIGALRM), 0);
	for (i = 0; i < COUNT(signals); i++)
		ck_assert_int_eq(raise(signals[i]), 0);
	startup_master();
	ck_assert_int_eq(sigpending(&pending), 0);
	for (i = 0; i < COUNT(signals); i++)
		ck_assert_int_eq(sigismember(&pending, signals[i]), 1);
	ck_assert_int_eq(sigismember(&pending, SIGALRM), 0);
}

static const mode_t umasks[] = { 0, 022, 0777 };

TEST(test_umask)
{
	(void)umask(umasks[_i]);
	startup_master();
	ck_assert_uint_eq(umask(0), 022);
}

TEST(test_timers)
{
	static const int timers[] = { ITIMER_REAL, ITIMER_VIRTUAL,
		ITIMER_PROF };
	struct itimerval value = { .it_value.tv_sec = 1000,
		.it_interval.tv_sec = 1000 };
	size_t i;

	for (i = 0; i < COUNT(timers); i++)
		ck_assert_int_eq(
		    setitimer((enum __itimer_which)timers[i], &value, NULL), 0);
	startup_master();
	for (i = 0; i < COUNT(timers); i++) {
		ck_assert_int_eq(
		    getitimer((enum __itimer_which)timers[i], &value), 0);
		ck_assert_int_eq(value.it_value.tv_sec, 0);
		ck_assert_int_eq(value.it_value.tv_usec, 0);
		ck_assert_int_eq(value.it_interval.tv_sec, 0);
	}
}

/* Standard error gets an open file description of its own. */

static int saved_stderr;

static void
set_stderr(int fd)
{
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void
restore_stderr(void)
{
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
}

TEST(test_stderr_pipe)
{
	int fds[2], flags;
	ssize_t written;
	char text[8];

	ck_assert_int_eq(pipe(fds), 0);
	set_stderr(fds[1]);
	startup_stderr();
	flags = fcntl(STDERR_FILENO, F_GETFL);
	written = write(STDERR_FILENO, "text", 4);
	restore_stderr();
	ck_assert_int_eq(written, 4);
	ck_assert(flags & O_NONBLOCK);
	ck_assert((flags & O_ACCMODE) == O_WRONLY);
	ck_assert_int_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(read(fds[0], text, sizeof(text)), 4);
}

/* Files that never block are left as they are, whether opened to append or
 * not. */
TEST(test_stderr_others)
{
	FILE *file = tmpfile();
	int fds[2], flags[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	set_stderr(fds[1]);
	startup_stderr();
	flags[0] = fcntl(STDERR_FILENO, F_GETFL);
	restore_stderr();
	ck_assert_ptr_nonnull(file);
	set_stderr(fileno(file));
	startup_stderr();
	flags[1] = fcntl(STDERR_FILENO, F_GETFL);
	restore_stderr();
	ck_assert_int_eq(flags[0] & O_NONBLOCK, 0);
	ck_assert_int_eq(flags[1] & (O_NONBLOCK | O_APPEND), 0);
	ck_assert_int_eq(flags[1] & O_ACCMODE, O_RDWR);
}

/* These tests check descriptors that a daemon inherits. */

/* This runs in a process of its own because Check has descriptors, too. */
static int
close_others(void)
{
	const int keep[] = { HIGH_FD, -1, HIGH_FD + 2 };
	int fd;

	startup_close_others(keep, COUNT(keep));
	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (!is_open(fd))
			return 1;
	for (fd = 3; fd < HIGH_FD; fd++)
		if (is_open(fd))
			return 2;
	if (!is_open(HIGH_FD) || is_open(HIGH_FD + 1) ||
	    !is_open(HIGH_FD + 2) || is_open(HIGH_FD + 3))
		return 3;
	return 0;
}

TEST(test_close_others)
{
	int fd, status;
	pid_t pid;

	for (fd = HIGH_FD; fd < HIGH_FD + 4; fd++)
		ck_assert_int_eq(dup2(STDIN_FILENO, fd), fd);
	for (fd = 3; fd < HIGH_FD; fd += 20)
		if (!is_open(fd))
			ck_assert_int_eq(dup2(STDIN_FILENO, fd), fd);
	if ((pid = test_fork()) == 0)
		_exit(close_others());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static const struct test tests[] = {
	CASE("process", NULL, NULL),
	LOOP(test_descriptors, 8),
	ONCE(test_master_signals),
	ONCE(test_child_signals),
	ONCE(test_unblock),
	ONCE(test_pending),
	EACH(test_umask, umasks),
	ONCE(test_timers),
	CASE("descriptors", NULL, NULL),
	ONCE(test_stderr_pipe),
	ONCE(test_stderr_others),
	ONCE(test_close_others),
};

SUITE("startup", tests)
