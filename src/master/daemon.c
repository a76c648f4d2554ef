/*
 * daemon: goes to the background.  Runs in the master, and in the process that
 * was started and waits for it.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "common/startup.h"
#include "master/daemon.h"

static bool
wait_for_ready(int fd)
{
	char ready;
	ssize_t n;

	do
		n = read(fd, &ready, 1);
	while (n == -1 && errno == EINTR);
	return n == 1;
}

/* The daemon, for the signal handler. */
static pid_t daemon_pid;

/* A signal that is sent to the waiting process is meant for the daemon. */
static void
pass_on(int signo)
{
	int saved = errno;

	(void)kill(daemon_pid, signo);
	errno = saved;
}

/* In the process that was started: waits, and exits as the daemon's start
 * goes. */
__attribute__((noreturn)) static void
wait_for_daemon(pid_t pid, int fd)
{
	int status;

	daemon_pid = pid;
	(void)signal(SIGHUP, pass_on);
	(void)signal(SIGINT, pass_on);
	(void)signal(SIGTERM, pass_on);
	startup_unblock();
	if (wait_for_ready(fd))
		_exit(EX_OK);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			_exit(EX_SOFTWARE);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

int
daemon_start(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		fatal(EX_OSERR, "cannot make a pipe");
	if ((pid = fork()) == -1)
		fatal(EX_OSERR, "cannot fork");
	if (pid > 0) {
		(void)close(fds[1]);
		wait_for_daemon(pid, fds[0]);
	}
	(void)close(fds[0]);
	if (setsid() == -1)
		fatal(EX_OSERR, "cannot start a session");
	/* A daemon must not keep a file system from being unmounted. */
	if (chdir("/") == -1)
		fatal(EX_OSERR, "cannot change to the directory /");
	return fds[1];
}

void
daemon_ready(int fd)
{
	if (write(fd, "", 1) == -1)
		log_warn("cannot tell the starting process that kvd is ready");
	(void)close(fd);
	log_detach();
}
