/*
 * startup: puts in order what a process inherits.  Runs in each program before
 * anything else, and trusts nothing that the parent has left.
 */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <dirent.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/startup.h"

/* kvd gives each file its mode.  This is for files that libraries make. */
#define UMASK 022

void
startup_descriptors(void)
{
	static const int flags[] = { [STDIN_FILENO] = O_RDONLY,
		/* Read-only: writing fails, so that no output vanishes. */
		[STDOUT_FILENO] = O_RDONLY,
		[STDERR_FILENO] = O_WRONLY };
	int fd;

	/* open(2) and socket(2) return the lowest free descriptor, which is fd.
	 * Without /dev/null, a socket that is not connected takes its place:
	 * nobody can read from it or write to it. */
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open(_PATH_DEVNULL, flags[fd]) == -1)
			(void)socket(AF_UNIX, SOCK_STREAM, 0);
}

/* Discards a signal that was sent to the program that ran here before.
 * Ignoring a signal discards it when it is pending (signal(7)). */
static void
forget_signal(int signo)
{
	(void)signal(signo, SIG_IGN);
	(void)signal(signo, SIG_DFL);
}

static void
set_signals(const int *blocked, const int *ignored)
{
	sigset_t all, mask;
	int signo;

	/* Block all signals, so that none kills this process, and none is lost,
	 * while the actions change. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&mask);
	for (; *blocked != 0; blocked++) {
		sigaddset(&mask, *blocked);
		(void)signal(*blocked, SIG_DFL);
	}
	for (signo = 1; signo < NSIG; signo++)
		if (!sigismember(&mask, signo))
			forget_signal(signo);
	for (; *ignored != 0; ignored++)
		(void)signal(*ignored, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* Timers of setitimer(2) and alarm(2) go on after execve(2). */
static void
stop_timers(void)
{
	static const struct itimerval none;

	(void)setitimer(ITIMER_REAL, &none, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &none, NULL);
	(void)setitimer(ITIMER_PROF, &none, NULL);
}

/* SIGTTOU is ignored because a terminal with `stty tostop` would stop a process
 * that logs to it from the background. */
void
startup_master(void)
{
	static const int blocked[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM,
		SIGUSR1, 0 };
	static const int ignored[] = { SIGPIPE, SIGTTOU, SIGXFSZ, 0 };

	stop_timers();
	set_signals(blocked, ignored);
	startup_descriptors();
	(void)umask(UMASK);
}

void
startup_child(const char *name)
{
	static const int blocked[] = { SIGCHLD, SIGTERM, 0 };
	static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGTTOU,
		SIGUSR1, SIGXFSZ, 0 };

	set_signals(blocked, ignored);
	/* The terminal of who has started kvd is not for its children. */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	startup_descriptors();
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	(void)umask(UMASK);
}

void
startup_unblock(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* May a write to standard error block?  A socket takes MSG_DONTWAIT, and a file
 * does not block. */
static bool
may_block(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

/* Opens the object of a descriptor again, not the file that has its name now,
 * with flags that the other users of the object do not see. */
static void
open_again(int fd, int flags)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again == -1)
		return;
	(void)dup2(again, fd);
	(void)close(again);
}

void
startup_stderr(void)
{
	if (may_block())
		open_again(STDERR_FILENO, O_WRONLY | O_APPEND);
}

void
startup_terminal(void)
{
	open_again(STDIN_FILENO, O_RDONLY);
}

static bool
is_among(const int *list, size_t n, int fd)
{
	while (n > 0)
		if (list[--n] == fd)
			return true;
	return false;
}

/* Without /proc, all possible descriptors have to be tried. */
static void
close_by_number(const int *keep, size_t n)
{
	long fd, max = sysconf(_SC_OPEN_MAX);

	for (fd = STDERR_FILENO + 1; fd < max; fd++)
		if (!is_among(keep, n, (int)fd))
			(void)close((int)fd);
}

void
startup_close_others(const int *keep, size_t n)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int fd;

	if (dir == NULL) {
		close_by_number(keep, n);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		fd = atoi(entry->d_name); /* 0 for . and .. */
		if (fd > STDERR_FILENO && fd != dirfd(dir) &&
		    !is_among(keep, n, fd))
			(void)close(fd);
	}
	(void)closedir(dir);
}
