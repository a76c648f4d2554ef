/*
 * adopt: workers whose acceptor has died.  Runs in the master.  As a subreaper
 * it becomes the parent of these workers (PR_SET_CHILD_SUBREAPER in prctl(2)).
 */

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
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

/* The name of a process is shorter. */
#define NAME_SIZE 32
/* How long the master waits for workers to which it has sent SIGKILL. */
#define KILL_WAIT_MS 2000
/* How many processes may hold the scoreboard's lock, one after the other, while
 * the master wants it: all acceptors, and one that was just replaced. */
#define HOLDERS_MAX (CONFIG_ACCEPTORS_MAX + 1)
/* When to look again for a worker that could not be looked for. */
#define AGAIN_MS 200

/* Was there such a process? */
enum search {
	SEARCH_NONE,
	SEARCH_FOUND,
	SEARCH_FAILED /* memory or descriptors are short */
};

/* The kernel's list of the children of this process. */
static FILE *
open_children(void)
{
	FILE *file = fopen("/proc/thread-self/children", "re");

	if (file == NULL)
		log_warn("cannot read /proc/thread-self/children");
	return file;
}

static int
compare_pids(const void *a, const void *b)
{
	const pid_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* Fills *list with the pids of all children in ascending order; the caller frees
 * it.  Returns false if they cannot be listed. */
static bool
list_children(pid_t **list, size_t *count)
{
	FILE *file = open_children();
	bool complete = file != NULL;
	pid_t *more;
	long pid;

	*list = NULL;
	*count = 0;
	while (complete && fscanf(file, "%ld", &pid) == 1) {
		more = reallocarray(*list, *count + 1, sizeof(**list));
		if (more == NULL) {
			log_warn("cannot list the children of kvd");
			complete = false;
			break;
		}
		*list = more;
		(*list)[(*count)++] = (pid_t)pid;
	}
	complete = complete && ferror(file) == 0;
	if (file != NULL)
		(void)fclose(file);
	if (*count > 0)
		qsort(*list, *count, sizeof(**list), compare_pids);
	return complete;
}

/* Reads the name of a process, and the pid of its parent (proc(5), stat).  The
 * name is anything that the process likes, with parentheses perhaps. */
static bool
read_process(pid_t pid, char name[NAME_SIZE], pid_t *parent)
{
	char path[64], line[256], *open, *close;
	bool found = false;
	long ppid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (pid <= 0 || (file = fopen(path, "re")) == NULL)
		return false;
	if (fgets(line, sizeof(line), file) != NULL &&
	    (open = strchr(line, '(')) != NULL &&
	    (close = strrchr(line, ')')) != NULL &&
	    sscanf(close, ") %*c %ld", &ppid) == 1) {
		*close = '\0';
		(void)strlcpy(name, open + 1, NAME_SIZE);
		*parent = (pid_t)ppid;
		found = true;
	}
	(void)fclose(file);
	return found;
}

/* Is this one of the long-lived children, from the one with index `first`
 * on? */
static bool
is_among_children(const struct master *m, int first, pid_t pid)
{
	int i;

	for (i = first; i < CHILDREN; i++)
		if (m->children[i].pid != 0 && m->children[i].pid == pid)
			return true;
	return false;
}

/* A worker has its acceptor's name, and its parent is an acceptor or, if that is
 * dead, this process.  Other children may be those that the program had which
 * executed kvd, and, because this process is a subreaper, their descendants. */
bool
adopt_is_worker(const struct master *m, pid_t pid)
{
	char name[NAME_SIZE], acceptor[NAME_SIZE];
	pid_t parent;

	snprintf(acceptor, sizeof(acceptor), "kvd-%s",
	    m->children[ACCEPTOR].spec->name);
	return read_process(pid, name, &parent) &&
	    strcmp(name, acceptor) == 0 &&
	    (parent == getpid() || is_among_children(m, ACCEPTOR, parent));
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

/* Returns the pids of the long-lived children and of all workers that the
 * scoreboard knows, in ascending order, to be freed by the caller.  NULL: there
 * is no memory. */
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

/* Which of these children is a worker that is not among the known pids?  The
 * name of each such child has to be read. */
static enum search
find_unknown(const struct master *m, const pid_t *children, size_t n,
    const pid_t *known, size_t n_known, pid_t *orphan)
{
	enum search result = SEARCH_NONE;
	char name[NAME_SIZE];
	pid_t parent;
	size_t i;

	for (i = 0; i < n; i++) {
		if (bsearch(&children[i], known, n_known, sizeof(*known),
			compare_pids) != NULL)
			continue;
		*orphan = children[i];
		if (adopt_is_worker(m, children[i]))
			return SEARCH_FOUND;
		if (!read_process(children[i], name, &parent))
			result = SEARCH_FAILED;
	}
	return result;
}

/* Finds the worker that a dead acceptor had forked without recording its pid.
 * It is the only worker whose pid is not known.  If several acceptors die at
 * once there are several, and any of them will do. */
static enum search
find_orphan(struct master *m, pid_t *orphan)
{
	pid_t *children, *known = NULL;
	enum search result = SEARCH_FAILED;
	size_t n_children, count;

	if (list_children(&children, &n_children)) {
		if ((known = list_known(m, &count)) == NULL)
			log_warn("cannot list the workers");
		else
			result = find_unknown(m, children, n_children, known,
			    count, orphan);
	}
	free(known);
	free(children);
	return result;
}

/* Is this a process that only this one can reap, and has not reaped?  Then no
 * other process can have its pid.  If not, errno is ECHILD, unless that cannot
 * be found out. */
static bool
is_own_child(pid_t pid)
{
	siginfo_t info;

	errno = EINVAL;
	return pid > 0 &&
	    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * An acceptor that hangs while it holds the lock has to die.  Its workers, and
 * their clients, go on.  The pid is from memory that acceptors write, so it is
 * believed only if an acceptor has it.
 */
static void
kill_holder(const struct master *m, pid_t holder)
{
	const struct child *c;

	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++)
		if (c->pid == holder && is_own_child(holder)) {
			log_warnx("acceptor (pid %ld) keeps the scoreboard "
				  "locked; killing it",
			    (long)holder);
			child_signal(c, SIGKILL);
			return;
		}
	log_warnx("process %ld keeps the scoreboard locked and is no acceptor",
	    (long)holder);
}

/* Releases the slot of a worker that has ended, and logs that if it is to be
 * logged. */
static void
release(struct master *m, uint32_t slot, int status)
{
	char report[SCOREBOARD_REPORT_SIZE];
	pid_t holder;
	int i;

	if (m->config->log_connections) {
		scoreboard_report_close(m->scoreboard, slot, status, report);
		log_info("%s", report);
	}

	for (i = 0; i < HOLDERS_MAX; i++) {
		holder = scoreboard_release_soon(m->scoreboard, slot, status);
		if (holder == 0)
			return;
		kill_holder(m, holder);
	}
	log_warnx("the scoreboard stays locked; the number of clients may be "
		  "wrong by one");
}

/* Releases the slots of workers that the acceptor had reaped itself: they are
 * no children of the master. */
static void
release_reaped(struct master *m, pid_t acceptor)
{
	uint32_t slot = SCOREBOARD_NONE;
	pid_t pid = 0;

	while ((slot = scoreboard_next(m->scoreboard, acceptor, slot, &pid)) !=
	    SCOREBOARD_NONE)
		if (!is_own_child(pid) && errno == ECHILD)
			release(m, slot, -1);
}

/* Enters the workers that have just been adopted into the index. */
static void
index_adopted(struct master *m)
{
	uint32_t slot = SCOREBOARD_NONE;
	pid_t pid = 0;

	while ((slot = scoreboard_next(m->scoreboard, getpid(), slot, &pid)) !=
	    SCOREBOARD_NONE)
		if (!adopt_knows(m, pid) && is_own_child(pid) &&
		    !is_among_children(m, 0, pid))
			pid_index_add(&m->adopted, pid, slot);
}

/* Makes the acceptor's slots the master's own.  The slot without a pid gets
 * that of the orphan, or is released. */
static void
take_slots(struct master *m, pid_t acceptor, pid_t orphan)
{
	pid_t holder;
	int i;

	for (i = 0; i < HOLDERS_MAX; i++) {
		holder = scoreboard_adopt(m->scoreboard, acceptor, orphan);
		if (holder == 0)
			return;
		kill_holder(m, holder);
	}
	log_warnx("the scoreboard stays locked; the number of clients may be "
		  "wrong by one");
}

/* Notes that the workers of this acceptor are still to be adopted.  Returns
 * false if too many are noted. */
static bool
postpone(struct master *m, pid_t acceptor)
{
	struct adopt *a = &m->adopt;

	if (a->n_postponed == CONFIG_ACCEPTORS_MAX)
		return false;
	a->postponed[a->n_postponed++] = acceptor;
	a->again_ms = clock_ms() + AGAIN_MS;
	return true;
}

void
adopt_workers(struct master *m, pid_t acceptor)
{
	enum search search = SEARCH_NONE;
	pid_t orphan = 0;

	/* 1. The acceptor may have reaped workers and died before it released
	 * their slots.  Nobody else would ever release these. */
	release_reaped(m, acceptor);
	/* 2. It may have taken a slot and died before it recorded a pid there.
	 * If it had forked by then, the worker is among our children. */
	if (scoreboard_lacks_pid(m->scoreboard, acceptor))
		search = find_orphan(m, &orphan);
	/* The slot must not be released while its worker may live. */
	if (search == SEARCH_FAILED && postpone(m, acceptor))
		return;
	/* 3. All its slots, now complete, become the master's. */
	take_slots(m, acceptor, search == SEARCH_FOUND ? orphan : 0);
	/* 4. When one of these workers ends, its slot is found by its pid. */
	index_adopted(m);
}

int64_t
adopt_run(struct master *m, int64_t now_ms)
{
	struct adopt *a = &m->adopt;
	pid_t acceptors[CONFIG_ACCEPTORS_MAX];
	size_t i, n = a->n_postponed;

	if (n == 0)
		return CLOCK_NEVER;
	if (now_ms < a->again_ms)
		return a->again_ms;
	memcpy(acceptors, a->postponed, n * sizeof(acceptors[0]));
	a->n_postponed = 0;
	for (i = 0; i < n; i++)
		adopt_workers(m, acceptors[i]);
	return a->n_postponed == 0 ? CLOCK_NEVER : a->again_ms;
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
	release(m, slot, status);
}

/* No pid here can belong to another process: only this one reaps them, and does
 * not do so in between. */
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

/* Reaps all children that have ended.  Returns whether a worker is left. */
static bool
reap_all(struct master *m)
{
	uint32_t slot;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if ((slot = pid_index_find(&m->adopted, pid)) !=
		    SCOREBOARD_NONE)
			pid_index_remove(&m->adopted, slot);
	/* 0: there are children that run.  -1: there are none (ECHILD). */
	return pid == 0 && !pid_index_is_empty(&m->adopted);
}

/* Reaps until no worker is left and returns true.  Returns false at the
 * deadline, or when a signal asks kvd to stop once more. */
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
	(void)adopt_run(m, CLOCK_NEVER);
	/* The lifeline is cut, so workers end by themselves. */
	if (reap_until(m,
		m->stopping_since_ms + m->config->shutdown_timeout_ms +
		    CONFIG_KILL_DELAY_MS))
		return;
	kill_workers(m);
	(void)reap_until(m, clock_ms() + KILL_WAIT_MS);
}
