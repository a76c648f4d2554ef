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
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "master/adopt.h"

/* After SIGKILL. */
#define KILL_WAIT_MS 2000
/* Acceptors that may hold the scoreboard, one after the other. */
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

static int
compare_pids(const void *a, const void *b)
{
	const pid_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* In order of their pids; NULL: that cannot be told, or there are none.  To be
 * freed. */
static pid_t *
list_children(size_t *count)
{
	FILE *file = open_children();
	pid_t *list = NULL, *more;
	long pid;

	*count = 0;
	while (file != NULL && fscanf(file, "%ld", &pid) == 1) {
		more = reallocarray(list, *count + 1, sizeof(*list));
		if (more == NULL) {
			log_warn("children");
			break;
		}
		list = more;
		list[(*count)++] = (pid_t)pid;
	}
	if (file != NULL)
		(void)fclose(file);
	if (list != NULL)
		qsort(list, *count, sizeof(*list), compare_pids);
	return list;
}

/* A worker has its acceptor's name.  Others may be children of this process:
 * those that whoever started it has left, and, because it is a subreaper, what
 * these leave. */
static bool
is_worker(const struct master *m, pid_t pid)
{
	char path[64], name[32] = "", acceptor[32];
	FILE *file;

	snprintf(acceptor, sizeof(acceptor), "kvd-%s",
	    m->children[ACCEPTOR].spec->name);
	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	if ((file = fopen(path, "re")) == NULL)
		return false;
	if (fgets(name, sizeof(name), file) != NULL)
		name[strcspn(name, "\n")] = '\0';
	(void)fclose(file);
	return strcmp(name, acceptor) == 0;
}

int
adopt_init(struct master *m)
{
	return pid_index_init(&m->adopted);
}

void
adopt_clear(struct master *m)
{
	pid_index_clear(&m->adopted);
}

bool
adopt_knows(struct master *m, pid_t pid)
{
	return pid_index_find(&m->adopted, pid) != SCOREBOARD_NONE;
}

/* All that we know, in order; NULL: no memory.  To be freed. */
static pid_t *
list_known(struct master *m, size_t *count)
{
	pid_t *known = calloc(CHILDREN + SCOREBOARD_MAX, sizeof(*known)),
	      pid = 0;
	uint32_t slot = SCOREBOARD_NONE;

	if (known == NULL)
		return NULL;
	for (*count = 0; *count < CHILDREN; (*count)++)
		known[*count] = m->children[*count].pid;
	while (*count < CHILDREN + SCOREBOARD_MAX &&
	    (slot = scoreboard_next(m->scoreboard, 0, slot, &pid)) !=
		SCOREBOARD_NONE)
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
	pid_t *children, *known, orphan = 0;
	size_t n_children, count, i;

	children = list_children(&n_children);
	if ((known = list_known(m, &count)) == NULL)
		log_warn("children");
	for (i = 0; known != NULL && orphan == 0 && i < n_children; i++)
		if (bsearch(&children[i], known, count, sizeof(*known),
			compare_pids) == NULL &&
		    is_worker(m, children[i]))
			orphan = children[i];
	free(known);
	free(children);
	return orphan;
}

/* An acceptor that is stopped in the middle of it: its clients keep on. */
static void
kill_holder(pid_t holder)
{
	log_warnx("acceptor (pid %ld) does not let go of the scoreboard; "
		  "killing it",
	    (long)holder);
	if (holder > 0 && kill(holder, SIGKILL) == -1)
		log_warn("kill");
}

static void
release(struct master *m, uint32_t slot)
{
	pid_t holder;
	int i;

	for (i = 0; i < HOLDERS_MAX; i++) {
		holder = scoreboard_release_soon(m->scoreboard, slot);
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
	uint32_t slot = SCOREBOARD_NONE;
	siginfo_t info;
	pid_t pid = 0;

	while ((slot = scoreboard_next(m->scoreboard, acceptor, slot, &pid)) !=
	    SCOREBOARD_NONE)
		if (waitid(P_PID, (id_t)pid, &info,
			WEXITED | WNOHANG | WNOWAIT) == -1)
			release(m, slot);
}

/* Those that have become ours just now. */
static void
index_adopted(struct master *m)
{
	uint32_t slot = SCOREBOARD_NONE;
	pid_t pid = 0;

	while ((slot = scoreboard_next(m->scoreboard, getpid(), slot, &pid)) !=
	    SCOREBOARD_NONE)
		if (!adopt_knows(m, pid))
			pid_index_add(&m->adopted, pid, slot);
}

/* Its slots become the master's; that of a worker that it had no time to name
 * gets that one, or is freed. */
static void
take_slots(struct master *m, pid_t acceptor, pid_t orphan)
{
	pid_t holder;
	int i;

	for (i = 0; i < HOLDERS_MAX; i++) {
		holder = scoreboard_adopt(m->scoreboard, acceptor, orphan);
		if (holder == 0)
			return;
		kill_holder(holder);
	}
	log_warnx("the number of clients may be wrong by one");
}

/*
 * The acceptor is dead and reaped, and its workers are children of this
 * process, all of them still there, dead or alive.
 *
 * 1. Workers that it had reaped itself have slots, and are no children.
 * 2. One that it had forked and not yet named is a child, and has no name.
 * 3. All its slots become the master's.
 * 4. Who ends from now on is found by its pid.
 */
void
adopt_workers(struct master *m, pid_t acceptor)
{
	pid_t orphan = 0;

	release_reaped(m, acceptor);
	if (scoreboard_has_unnamed(m->scoreboard, acceptor))
		orphan = find_orphan(m);
	take_slots(m, acceptor, orphan);
	index_adopted(m);
}

void
adopt_ended(struct master *m, pid_t pid, int status, const struct rusage *use)
{
	uint32_t slot = pid_index_find(&m->adopted, pid);
	char report[SCOREBOARD_REPORT_SIZE];

	if (slot == SCOREBOARD_NONE)
		return;
	if (WIFSIGNALED(status)) {
		scoreboard_report(m->scoreboard, slot, pid, status, use,
		    report);
		log_warnx("%s", report);
	}
	pid_index_remove(&m->adopted, slot);
	release(m, slot);
}

/* None can be reaped, and its pid used again, meanwhile. */
static void
kill_workers(struct master *m)
{
	pid_t pid = 0;

	while ((pid = pid_index_next(&m->adopted, pid)) != 0) {
		log_warnx("worker %ld did not end in time; killing it",
		    (long)pid);
		(void)kill(pid, SIGKILL);
	}
}

/* Reaps those that have ended.  Is a worker left? */
static bool
reap_all(struct master *m)
{
	uint32_t slot;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if ((slot = pid_index_find(&m->adopted, pid)) !=
		    SCOREBOARD_NONE)
			pid_index_remove(&m->adopted, slot);
	/* Not ECHILD. */
	return pid == 0 && !pid_index_is_empty(&m->adopted);
}

/* Reaps until nobody is left, the deadline passes or a signal asks twice. */
static bool
reap_until(struct master *m, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = m->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info;

	for (;;) {
		if (!reap_all(m))
			return true;
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
	kill_workers(m);
	(void)reap_until(m, clock_ms() + KILL_WAIT_MS);
}
