/*
 * workers: the processes that serve the clients.  Runs in the acceptor, and
 * in a new worker until that calls worker_run().
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "acceptor/confine.h"
#include "acceptor/workers.h"
#include "common/activity.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/scoreboard.h"
#include "common/title.h"
#include "worker/worker.h"

/* The state of a new worker, which it replaces by others (worker/account.h). */
#define TITLE_STATE "busy"
/* Large enough for any address. */
#define TITLE_SIZE 80
_Static_assert(sizeof(TITLE_PADDING) >= TITLE_SIZE,
    "a title fits into the argument");

/* Called before the fork: a new process would have to map the pages of
 * snprintf(3). */
static void
format_title(char title[TITLE_SIZE], const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;
	char host[INET6_ADDRSTRLEN];

	/* Not getnameinfo(3): it is large, and a worker has to be small. */
	if (addr->ss_family == AF_INET)
		snprintf(title, TITLE_SIZE, "kvd: worker %s:%u " TITLE_STATE,
		    inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host)),
		    ntohs(sin->sin_port));
	else if (addr->ss_family == AF_INET6)
		snprintf(title, TITLE_SIZE, "kvd: worker [%s]:%u " TITLE_STATE,
		    inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host)),
		    ntohs(sin6->sin6_port));
	else
		snprintf(title, TITLE_SIZE, "kvd: worker unix " TITLE_STATE);
}

/* Closes what only the acceptor uses.  Not by close_range(2): each new process
 * would have to map one page more, the one with that function. */
static void
close_descriptors(const struct acceptor *a)
{
	const int end = CHANNEL_LISTEN_FD + (int)a->listeners;
	int fd;

	(void)close(CHANNEL_FD);
	/* Without it, the number is something else's by now. */
	if (!a->is_confined)
		(void)close(CHANNEL_PROGRAM_FD);
	(void)close(CHANNEL_SCOREBOARD_FD);
	(void)close(CHANNEL_OOM_FD);
	(void)close(a->pfds[PFD_SIGNAL].fd);
	for (fd = CHANNEL_LISTEN_FD; fd < end; fd++)
		(void)close(fd);
	if (a->spare_fd != -1)
		(void)close(a->spare_fd);
}

/* In the child: becomes the client's worker. */
static void
become_worker(struct acceptor *a, int fd, const char *title, uint32_t slot,
    uint64_t session, uint64_t id)
{
	static struct activity no_activity;
	/* A signal descriptor gives the signals of the process that uses it, so
	 * that one serves all workers. */
	struct worker_params params = { .fd = fd,
		.signal_fd = a->worker_signal_fd,
		.lifeline_fd = CHANNEL_LIFELINE_FD,
		.activity = scoreboard_map_activity(a->scoreboard, slot),
		.reader = a->reader,
		.registry_uid = a->master_uid,
		.session = session,
		.id = id,
		.title = &a->title,
		.title_offset = strlen(title) - strlen(TITLE_STATE) };

	/* There is no memory for it: crash reports will not say what the worker
	 * did, and it is not counted. */
	if (params.activity == NULL)
		params.activity = &no_activity;
	a->pid = getpid();
	a->activity = params.activity;
	a->is_worker = true;
	close_descriptors(a);
	if (!a->config->core_dumps)
		privileges_forbid_fork();
	title_set(&a->title, title);
	confine_worker(a);
	worker_run(a->config, &params);
}

/* _Fork() runs no handlers.  Those of fork() are for threads, of which there
 * are none, and each page that they write to has to be copied. */
static pid_t
fork_worker(void)
{
#ifdef HAVE__FORK
	return _Fork();
#else
	return fork();
#endif
}

static void
report_open(struct acceptor *a, uint32_t slot, pid_t pid)
{
	char report[SCOREBOARD_REPORT_SIZE];

	scoreboard_report_open(a->scoreboard, slot, pid, report);
	log_info("%s", report);
}

static void
report_close(struct acceptor *a, uint32_t slot, int status)
{
	char report[SCOREBOARD_REPORT_SIZE];

	scoreboard_report_close(a->scoreboard, slot, status, report);
	log_info("%s", report);
}

int
workers_start(struct acceptor *a, int fd, const struct sockaddr_storage *addr,
    uint32_t slot)
{
	char title[TITLE_SIZE];
	uint64_t session, id = scoreboard_id(a->scoreboard, slot);
	pid_t pid;
	int saved;

	/* Before the fork, or each new process would have to map one page of
	 * code more.  From the kernel, because a generator in this process would
	 * give the same numbers to two of its forks. */
	if (getentropy(&session, sizeof(session)) == -1)
		return -1;
	session = scoreboard_set_session(a->scoreboard, slot, session);
	format_title(title, addr);
	expendable_raise(&a->expendable);
	if ((pid = fork_worker()) == 0) {
		become_worker(a, fd, title, slot, session, id);
		return 0;
	}
	saved = errno;
	expendable_restore(&a->expendable);
	errno = saved;
	if (pid == -1)
		return -1;
	scoreboard_set_pid(a->scoreboard, slot, pid);
	if (a->config->log_connections)
		report_open(a, slot, pid);
	pid_index_add(&a->workers, pid, slot);
	(void)close(fd);
	return 0;
}

static void
report_crash(struct acceptor *a, uint32_t slot, pid_t pid, int status,
    const struct rusage *use)
{
	char report[SCOREBOARD_REPORT_SIZE];

	scoreboard_report(a->scoreboard, slot, pid, status, use, report);
	log_warnx("%s", report);
	/* An acceptor that stops forks no more workers. */
	if (a->renew_at_ms == CLOCK_NEVER && a->stop_at_ms == CLOCK_NEVER)
		a->renew_at_ms = a->started_ms + RENEW_MS;
}

void
workers_reap(struct acceptor *a)
{
	struct rusage use;
	uint32_t slot;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &use)) > 0) {
		if ((slot = pid_index_find(&a->workers, pid)) ==
		    SCOREBOARD_NONE)
			continue;
		if (WIFSIGNALED(status))
			report_crash(a, slot, pid, status, &use);
		if (a->config->log_connections)
			report_close(a, slot, status);
		pid_index_remove(&a->workers, slot);
		scoreboard_release(a->scoreboard, slot, status);
	}
}

/* The scoreboard is believed only if the process is this one's to reap. */
static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 0 &&
	    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void
workers_init(struct acceptor *a)
{
	uint32_t slot = SCOREBOARD_NONE;
	pid_t pid = 0;

	if (pid_index_init(&a->workers) == -1)
		fatal(EX_OSERR, "workers");
	/* Those that were forked before this process executed itself again. */
	while ((slot = scoreboard_next(a->scoreboard, getpid(), slot, &pid)) !=
	    SCOREBOARD_NONE)
		if (is_child(pid))
			pid_index_add(&a->workers, pid, slot);
	/* Some may have ended meanwhile.  Their SIGCHLD was discarded when
	 * startup_child() set the default action. */
	workers_reap(a);
}

void
workers_kill(struct acceptor *a)
{
	pid_t pid = 0;

	while ((pid = pid_index_next(&a->workers, pid)) != 0)
		if (kill(pid, SIGKILL) == -1)
			log_warn("kill %ld", (long)pid);
}
