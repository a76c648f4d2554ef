/*
 * adopt: workers whose acceptor has died.  Runs in the master.
 */

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "common/roster.h"
#include "master/adopt.h"

/* After SIGKILL. */
#define KILL_WAIT_MS 2000
/* Acceptors that may hold the roster, one after the other. */
#define HOLDERS_MAX (CONFIG_ACCEPTORS_MAX + 1)

/* Children of this process. */
static FILE *
open_children(void)
{
	FILE *file = fopen("/proc/thread-self/children", "re");

	if (file == NULL)
		log_warn("/proc/thread-self/children");
	return file;
}

bool
adopt_knows(struct master *m, pid_t pid)
{
	return roster_find(m->roster, pid) != ROSTER_NONE;
}

static int
compare_pids(const void *a, const void *b)
{
	const pid_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* All that we know, in order; NULL: no memory.  To be freed. */
static pid_t *
list_known(struct master *m, size_t *count)
{
	pid_t *known = calloc(CHILDREN + ROSTER_MAX, sizeof(*known)), pid = 0;
	uint32_t slot = ROSTER_NONE;

	if (known == NULL)
		return NULL;
	for (*count = 0; *count < CHILDREN; (*count)++)
		known[*count] = m->children[*count].pid;
	while (*count < CHILDREN + ROSTER_MAX &&
	    (slot = roster_next(m->roster, 0, slot, &pid)) != ROSTER_NONE)
		known[(*count)++] = pid;
	qsort(known, *count, sizeof(*known), compare_pids);
	return known;
}

/* The worker that an acceptor forked and did not live to name; 0: none.  It
 * is the only child that nobody knows, or, if several acceptors die at the
 * same time, as good as the others. */
static pid_t
find_orphan(struct master *m)
{
	FILE *file = open_children();
	pid_t *known, pid, orphan = 0;
	size_t count;
	long child;

	if (file == NULL)
		return 0;
	if ((known = list_known(m, &count)) == NULL)
		log_warn("children");
	while (
	    known != NULL && orphan == 0 && fscanf(file, "%ld", &child) == 1) {
		pid = (pid_t)child;
		if (bsearch(&pid, known, count, sizeof(*known), compare_pids) ==
		    NULL)
			orphan = pid;
	}
	free(known);
	(void)fclose(file);
	return orphan;
}

/* An acceptor that is stopped in the middle of it: its clients keep on. */
static void
kill_holder(pid_t holder)
{
	log_warnx("acceptor (pid %ld) does not let go of the roster; "
		  "killing it",
	    (long)holder);
	if (holder > 0 && kill(holder, SIGKILL) == -1)
		log_warn("kill");
}

static void
release(struct master *m, pid_t pid)
{
	pid_t holder;
	int i;

	for (i = 0; i < HOLDERS_MAX; i++) {
		holder = roster_release_pid(m->roster, pid);
		if (holder == 0)
			return;
		kill_holder(holder);
	}
	log_warnx("the number of clients may be wrong by one");
}

/* Workers that it had reaped, and not released yet: they are not ours. */
static void
release_reaped(struct master *m, pid_t acceptor)
{
	uint32_t slot = ROSTER_NONE;
	siginfo_t info;
	pid_t pid = 0;

	while ((slot = roster_next(m->roster, acceptor, slot, &pid)) !=
	    ROSTER_NONE)
		if (waitid(P_PID, (id_t)pid, &info,
			WEXITED | WNOHANG | WNOWAIT) == -1)
			release(m, pid);
}

void
adopt_workers(struct master *m, pid_t acceptor)
{
	pid_t orphan = 0, holder = -1;
	int i;

	release_reaped(m, acceptor);
	if (roster_has_unnamed(m->roster, acceptor))
		orphan = find_orphan(m);
	for (i = 0; i < HOLDERS_MAX && holder != 0; i++) {
		holder = roster_settle(m->roster, acceptor, orphan);
		if (holder != 0)
			kill_holder(holder);
	}
	if (holder != 0)
		log_warnx("the number of clients may be wrong by one");
}

void
adopt_ended(struct master *m, pid_t pid, int status, const struct rusage *use)
{
	uint32_t slot = roster_find(m->roster, pid);
	char report[ROSTER_REPORT_SIZE];

	if (slot == ROSTER_NONE)
		return;
	if (WIFSIGNALED(status)) {
		roster_report(m->roster, slot, pid, status, use, report);
		log_warnx("%s", report);
	}
	release(m, pid);
}

/* None can be reaped, and its pid used again, meanwhile. */
static void
kill_children(void)
{
	FILE *file;
	long pid;

	if ((file = open_children()) == NULL)
		return;
	while (fscanf(file, "%ld", &pid) == 1) {
		log_warnx("worker %ld did not end in time; killing it", pid);
		(void)kill((pid_t)pid, SIGKILL);
	}
	(void)fclose(file);
}

/* Reaps until nobody is left, the deadline passes or a signal asks twice. */
static bool
reap_until(struct master *m, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = m->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info;
	pid_t pid;

	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid == -1)
			return true; /* ECHILD */
		if (io_poll(&pfd, 1, deadline_ms) <= 0)
			return false;
		if (read(m->signal_fd, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			return false;
	}
}

void
adopt_await(struct master *m)
{
	/* They end by themselves: the lifeline is cut. */
	if (reap_until(m,
		m->stopping_since_ms + m->config->shutdown_timeout_ms +
		    CONFIG_KILL_DELAY_MS))
		return;
	kill_children();
	(void)reap_until(m, clock_ms() + KILL_WAIT_MS);
}
