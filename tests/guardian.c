/*
 * guardian: see guardian.h.
 */

#include "guardian.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define PIPE_FD 3

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Reads process groups, and 0 when there is nothing to guard any more. */
__attribute__((noreturn)) static void
guard(int fd, void (*clean)(const void *arg), const void *arg)
{
	pid_t group = 0, next;

	/* A signal to the process group of the test is not for the guardian. */
	(void)setsid();
	if (dup2(fd, PIPE_FD) == -1)
		_exit(1);
	closefrom(PIPE_FD + 1);
	while (read(PIPE_FD, &next, sizeof(next)) == (ssize_t)sizeof(next)) {
		if (next == 0)
			_exit(0);
		group = next;
	}
	if (group != 0)
		(void)kill(-group, SIGKILL);
	clean(arg);
	_exit(0);
}

bool
guardian_start(struct guardian *g, void (*clean)(const void *arg),
    const void *arg)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return false;
	if ((g->pid = fork()) == 0)
		guard(fds[0], clean, arg);
	(void)close(fds[0]);
	g->fd = fds[1];
	return g->pid != -1;
}

bool
guardian_watch(const struct guardian *g, pid_t group)
{
	return write(g->fd, &group, sizeof(group)) == (ssize_t)sizeof(group);
}

bool
guardian_end(struct guardian *g)
{
	bool ended = guardian_watch(g, 0) && waitpid(g->pid, NULL, 0) == g->pid;

	(void)close(g->fd);
	return ended;
}
