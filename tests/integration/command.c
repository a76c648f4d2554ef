/*
 * command: see command.h.
 */

#include "command.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"
#include "wait.h"

const char *
build_dir(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("KVD_BUILD");

	if (realpath(dir == NULL ? "." : dir, path) == NULL)
		ck_abort_msg("KVD_BUILD: %s", strerror(errno));
	return path;
}

bool
have_program(const char *name)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path == NULL ? "" : path), *dirs = copy, *dir;
	char file[PATH_MAX];
	bool found = false;

	ck_assert_ptr_nonnull(copy);
	while (!found && (dir = strsep(&dirs, ":")) != NULL) {
		snprintf(file, sizeof(file), "%s/%s", dir, name);
		found = access(file, X_OK) == 0;
	}
	free(copy);
	if (!found)
		printf("%s is not installed: its test is skipped\n", name);
	return found;
}

/* All signals are blocked until the child has their default actions. */
pid_t
fork_unhandled(void)
{
	static const int handled[] = { SIGALRM, SIGINT, SIGTERM };
	sigset_t all, before;
	size_t i;
	pid_t pid;

	sigfillset(&all);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, &before), 0);
	pid = test_fork();
	for (i = 0; pid == 0 && i < COUNT(handled); i++)
		(void)signal(handled[i], SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

__attribute__((noreturn)) static void
exec_command(const char *path, const char *const args[], int out)
{
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(STDIN_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1)
		_exit(126);
	closefrom(3);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(path, (char *const *)(void *)(uintptr_t)args);
	_exit(127);
}

/* Reads until no process has the other end open any more. */
static void
collect_output(int fd, char output[OUTPUT_SIZE], pid_t group)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char rest[512];
	size_t size = 0;
	ssize_t n = 1;

	while (n > 0) {
		if (poll(&pfd, 1, (int)(deadline_ms - now_ms())) != 1) {
			(void)kill(-group, SIGKILL);
			ck_abort_msg("the command does not end");
		}
		if (size < OUTPUT_SIZE - 1)
			n = read(fd, output + size, OUTPUT_SIZE - 1 - size);
		else
			n = read(fd, rest,
			    sizeof(rest)); /* it must not block */
		if (n > 0 && size < OUTPUT_SIZE - 1)
			size += (size_t)n;
	}
	output[size] = '\0';
	(void)close(fd);
}

static int
run_path(const char *path, const char *const args[], char output[OUTPUT_SIZE])
{
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork_unhandled();
	if (pid == 0)
		exec_command(path, args, fds[1]);
	(void)setpgid(pid, pid);
	(void)close(fds[1]);
	collect_output(fds[0], output, pid);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* Nobody is left: this process would be the subreaper. */
	ck_assert_int_eq(waitpid(-pid, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int
kvd_command(const char *const args[], char output[OUTPUT_SIZE])
{
	char path[PATH_MAX + sizeof("/kvd")];

	snprintf(path, sizeof(path), "%s/kvd", build_dir());
	return run_path(path, args, output);
}

int
run_command(const char *const args[], char output[OUTPUT_SIZE])
{
	return run_path(args[0], args, output);
}
