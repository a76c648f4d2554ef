/*
 * child: starts and configures one long-lived child.  Runs in the master, and
 * in the child between fork(2) and execve(2).
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/startup.h"
#include "master/child.h"
#include "master/limits.h"

/* A child ends within shutdown-timeout.  It may take this much longer before it
 * is killed. */
#define STOP_GRACE_MS 2000
/* The time between two attempts to send a configuration. */
#define CONFIGURE_RETRY_MS 100

/* Makes `to` a copy of `from` that stays open across execve(2), and closes
 * `from`. */
static void
place_fd(int from, int to)
{
	if (dup2(from, to) == -1)
		fatal(EX_OSERR, "cannot place a descriptor");
	(void)close(from);
}

/* Moves a descriptor above all those that the child is going to have. */
static int
move_fd_up(int fd, size_t count)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, CHANNEL_FD + (int)count);

	if (moved == -1)
		fatal(EX_OSERR, "cannot move a descriptor");
	return moved;
}

/* Fills `fds` in the order of enum channel_fd.  -1: the child does not get
 * it. */
static void
list_fds(const struct child *c, int channel_fd, int *fds)
{
	size_t i;

	fds[0] = channel_fd;
	fds[CHANNEL_LIFELINE_FD - CHANNEL_FD] = c->lifeline_fd;
	fds[CHANNEL_PROGRAM_FD - CHANNEL_FD] = c->program_fd;
	fds[CHANNEL_SCOREBOARD_FD - CHANNEL_FD] = c->scoreboard_fd;
	fds[CHANNEL_CHECKPOINT_FD - CHANNEL_FD] = c->checkpoint_fd;
	fds[CHANNEL_OOM_FD - CHANNEL_FD] = -1;
	for (i = 0; i < c->listens; i++)
		fds[CHANNEL_LISTEN_FD - CHANNEL_FD + i] = c->listen_fds[i];
}

/* Gives the child its descriptors and closes all others. */
static void
arrange_fds(const struct child *c, int channel_fd)
{
	size_t count = CHANNEL_LISTEN_FD - CHANNEL_FD + c->listens, i;
	int *fds = calloc(count, sizeof(*fds));

	if (fds == NULL)
		fatalx(EX_OSERR, "out of memory");
	list_fds(c, channel_fd, fds);
	for (i = 0; i < count; i++)
		if (fds[i] != -1)
			fds[i] = move_fd_up(fds[i], count);
	for (i = 0; i < count; i++) {
		if (fds[i] == -1)
			(void)close(CHANNEL_FD + (int)i);
		else
			place_fd(fds[i], CHANNEL_FD + (int)i);
	}
	closefrom(CHANNEL_FD + (int)count);
	free(fds);
}

__attribute__((noreturn)) static void
child_exec(const struct child *c, int channel_fd)
{
	char name[32], padding[] = TITLE_PADDING;
	char *const argv[] = { name, padding, NULL };

	snprintf(name, sizeof(name), "kvd-%s", c->spec->name);
	/* This comes first, for arrange_fds() closes the descriptor. */
	if ((c->workdir_fd == NULL ? chdir("/") : fchdir(*c->workdir_fd)) == -1)
		fatal(EX_OSERR, "cannot enter the working directory");
	/* arrange_fds() gives the log's descriptor to something else. */
	log_close();
	arrange_fds(c, channel_fd);
	if (c->spec->expendable)
		limits_expose(CHANNEL_OOM_FD);
	/* A terminal sends these to all processes.  The master handles them. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	startup_unblock();
	/* With restartable sequences, which kvd does not use, the kernel would
	 * write to a page of each worker and so copy it.  A GLIBC_TUNABLES that
	 * is set already is left alone. */
	(void)setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 0);
	(void)fexecve(CHANNEL_PROGRAM_FD, argv, environ);
	fatal(EX_UNAVAILABLE, "cannot execute %s", name);
}

struct policy_rules
child_rules(const struct child *c, const struct config *config)
{
	return (struct policy_rules){
		.restarts = (unsigned int)config->restart_limit.restarts,
		.period_ms = config->restart_limit.period_ms,
		.gives_up = config->restart_limit.exits,
		.start_ms = c->spec->start_ms,
		.stop_ms = config->shutdown_timeout_ms + STOP_GRACE_MS,
		.abort_ms = c->spec->abort_ms,
	};
}

int64_t
child_heartbeat_ms(const struct child *c, const struct config *config)
{
	return config->heartbeat_timeout_ms * c->spec->patience;
}

/* Returns 0, or -1 with errno when it has to be tried again. */
static int
send_config(const struct child *c, const struct config *config,
    const struct startup_params *params)
{
	struct startup_params own = *params;

	memcpy(own.fds, c->cache_fds, sizeof(own.fds));
	own.n_fds = c->n_cache_fds;
	memcpy(own.filters, c->filters, sizeof(own.filters));
	if (c->channel_fd == -1 ||
	    channel_send_config(c->channel_fd, config, &own) == 0)
		return 0;
	/* If the child has died, SIGCHLD tells the master. */
	return errno == EPIPE || errno == ECONNRESET ? 0 : -1;
}

void
child_configure(struct child *c, const struct config *config,
    const struct startup_params *params)
{
	bool first = c->configure_at_ms == CLOCK_NEVER;

	c->configure_at_ms = CLOCK_NEVER;
	if (send_config(c, config, params) == 0)
		return;
	if (first)
		log_warn("cannot send the %s its configuration; trying again",
		    c->spec->name);
	c->configure_at_ms = clock_ms() + CONFIGURE_RETRY_MS;
}

int
child_start(struct child *c, const struct config *config,
    const struct startup_params *params)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	c->pid = fork();
	if (c->pid == 0)
		child_exec(c, pair[1]);
	(void)close(pair[1]);
	if (c->pid == -1) {
		c->pid = 0;
		(void)close(pair[0]);
		return -1;
	}
	c->channel_fd = pair[0];
	c->violation = EXIT_NO_VIOLATION;
	c->starts++;
	child_configure(c, config, params);
	log_debug("%s started, pid %ld", c->spec->name, (long)c->pid);
	return 0;
}

bool
child_ping(struct child *c)
{
	if (c->channel_fd == -1 ||
	    channel_send(c->channel_fd, CHANNEL_PING) == -1)
		return false;
	c->pings++;
	return true;
}

void
child_read_violation(struct child *c)
{
	uint64_t numbers[2];
	int type, passed_fd;

	while (c->channel_fd != -1 &&
	    (type = channel_recv(c->channel_fd, numbers, &passed_fd)) > 0) {
		if (passed_fd != -1)
			(void)close(passed_fd);
		if (type == CHANNEL_VIOLATION)
			c->violation = (long)numbers[0];
	}
}

void
child_signal(const struct child *c, int signo)
{
	if (c->pid > 0 && kill(c->pid, signo) == -1)
		log_warn("cannot send signal %d to the %s, pid %ld", signo,
		    c->spec->name, (long)c->pid);
}

void
child_forget(struct child *c)
{
	if (c->channel_fd != -1)
		(void)close(c->channel_fd);
	c->channel_fd = -1;
	c->configure_at_ms = CLOCK_NEVER;
	c->pid = 0;
	c->pongs = c->pings;
	heartbeat_stop(&c->heartbeat);
}
