/*
 * child: starting and stopping one long-lived child.  Runs in the master,
 * and between fork and exec in the child.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/child.h"

/* A store is opened without recovery, but may wait for its lock. */
#define START_TIMEOUT_MS 60000
/* Puts `from`, moved out of the way before, at `to`, open across exec. */
static void
place_fd(int from, int to)
{
	if (dup2(from, to) == -1)
		fatal(EX_OSERR, "dup2");
	(void)close(from);
}

/* Out of the way of any descriptor that others are to be moved to. */
static int
move_fd_up(int fd, size_t count)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, CHANNEL_LISTEN_FD + (int)count);

	if (moved == -1)
		fatal(EX_OSERR, "descriptors");
	return moved;
}

/* CHANNEL_FD, CHANNEL_LIFELINE_FD, CHANNEL_LISTEN_FD ... and nothing else. */
static void
arrange_fds(const struct child *c, int channel_fd)
{
	int *moved = calloc(c->listens + 2, sizeof(*moved));
	size_t i;

	if (moved == NULL)
		fatal(EX_OSERR, "descriptors");
	moved[0] = move_fd_up(channel_fd, c->listens);
	moved[1] = c->extra_fd == -1 ? -1 : move_fd_up(c->extra_fd, c->listens);
	for (i = 0; i < c->listens; i++)
		moved[i + 2] = move_fd_up(c->listen_fds[i], c->listens);
	place_fd(moved[0], CHANNEL_FD);
	if (moved[1] == -1)
		(void)close(CHANNEL_LIFELINE_FD);
	else
		place_fd(moved[1], CHANNEL_LIFELINE_FD);
	for (i = 0; i < c->listens; i++)
		place_fd(moved[i + 2], CHANNEL_LISTEN_FD + (int)i);
	closefrom(CHANNEL_LISTEN_FD + (int)c->listens);
	free(moved);
}

__attribute__((noreturn)) static void
child_exec(const struct child *c, int channel_fd)
{
	char *const argv[] = { strdup(c->path), NULL };
	sigset_t none;

	arrange_fds(c, channel_fd);
	/* A terminal's signals are the master's to handle. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(c->workdir) == -1)
		fatal(EX_OSERR, "%s", c->workdir);
	(void)execv(c->path, argv);
	fatal(EX_UNAVAILABLE, "cannot execute %s", c->path);
}

int
child_start(struct child *c, const struct config *config,
    const struct channel_log *log, int64_t now_ms)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	c->pid = fork();
	if (c->pid == 0)
		child_exec(c, pair[1]);
	(void)close(pair[1]);
	if (c->pid == -1) {
		(void)close(pair[0]);
		return -1;
	}
	c->channel_fd = pair[0];
	c->state = CHILD_STARTING;
	c->started_ms = now_ms;
	c->start_at_ms = CLOCK_NEVER;
	c->deadline_ms = now_ms + START_TIMEOUT_MS;
	if (channel_send_config(c->channel_fd, config, log) == -1)
		log_warn("cannot configure the %s", c->name);
	log_debug("%s started, pid %ld", c->name, (long)c->pid);
	return 0;
}

void
child_stop(struct child *c, int64_t deadline_ms)
{
	c->start_at_ms = CLOCK_NEVER;
	if (c->state == CHILD_DOWN)
		return;
	c->state = CHILD_STOPPING;
	c->deadline_ms = deadline_ms;
	if (kill(c->pid, SIGTERM) == -1)
		log_warn("cannot stop the %s, pid %ld", c->name, (long)c->pid);
}

void
child_kill(struct child *c)
{
	log_warnx("%s (pid %ld) did not %s in time; killing it", c->name,
	    (long)c->pid, c->state == CHILD_STARTING ? "start" : "stop");
	c->deadline_ms = CLOCK_NEVER;
	if (kill(c->pid, SIGKILL) == -1)
		log_warn("cannot kill the %s", c->name);
}

void
child_forget(struct child *c)
{
	if (c->channel_fd != -1)
		(void)close(c->channel_fd);
	c->channel_fd = -1;
	c->state = CHILD_DOWN;
	c->deadline_ms = CLOCK_NEVER;
}
