/*
 * daemon: the way into the background.  Runs in the master.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "master/daemon.h"

/* In the process that was called: the daemon's start decides. */
__attribute__((noreturn)) static void
wait_for_daemon(pid_t pid, int fd)
{
	int status;
	ssize_t n;
	char ready;

	do
		n = read(fd, &ready, 1);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		_exit(EX_OK);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(EX_SOFTWARE);
}

int
daemon_start(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		fatal(EX_OSERR, "pipe");
	if ((pid = fork()) == -1)
		fatal(EX_OSERR, "fork");
	if (pid > 0) {
		(void)close(fds[1]);
		wait_for_daemon(pid, fds[0]);
	}
	(void)close(fds[0]);
	if (setsid() == -1)
		fatal(EX_OSERR, "setsid");
	/* Keeps no file system busy. */
	if (chdir("/") == -1)
		fatal(EX_OSERR, "/");
	return fds[1];
}

void
daemon_ready(int fd)
{
	if (write(fd, "", 1) == -1)
		log_warn("nobody waits for this daemon");
	(void)close(fd);
	log_detach();
}
