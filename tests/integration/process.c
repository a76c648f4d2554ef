/*
 * process: see process.h.
 */

#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "proc.h"
#include "server.h"
#include "suite.h"
#include "wait.h"

#define PROCESSES_MAX 512

/* Of a server */

/* Without zombies. */
static size_t
list_processes(const struct server *s, struct proc *list)
{
	size_t i, n = proc_list(s->pid, list, PROCESSES_MAX), alive = 0;

	for (i = 0; i < n; i++)
		if (!proc_is_dead(&list[i]))
			list[alive++] = list[i];
	return alive;
}

void
server_report_left(const struct server *s)
{
	static struct proc list[PROCESSES_MAX];
	size_t n = list_processes(s, list);

	ck_abort_msg("%zu processes are left, one is \"%s\" (pid %ld)", n,
	    n == 0 ? "" : list[0].title, n == 0 ? 0L : (long)list[0].pid);
}

/* A title may have the state of the process behind this. */
static bool
has_title(const char *title, const char *want)
{
	size_t size = strlen(want);

	return strncmp(title, want, size) == 0 &&
	    (title[size] == '\0' || title[size] == ' ');
}

/* A process with this title and, unless it is 0, this parent; or 0. */
static pid_t
find_process(const struct server *s, pid_t parent, const char *title)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = list_processes(s, list);

	for (i = 0; i < n; i++)
		if ((parent == 0 || list[i].parent == parent) &&
		    has_title(list[i].title, title))
			return list[i].pid;
	return 0;
}

static pid_t
await_process(const struct server *s, pid_t parent, const char *title)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t pid;

	while ((pid = find_process(s, parent, title)) == 0)
		pause_until(deadline_ms, title);
	return pid;
}

pid_t
server_pid(const struct server *s, const char *role)
{
	char title[64];

	snprintf(title, sizeof(title), "kvd: %s", role);
	/*
	 * A new worker still has the title of its parent, the acceptor; the
	 * parent of an acceptor is the master.
	 */
	return await_process(s, s->pid, title);
}

static bool
find_acceptors(const struct server *s, pid_t *pids, size_t count)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = list_processes(s, list), found = 0;

	for (i = 0; i < n; i++) {
		if (list[i].parent != s->pid ||
		    strcmp(list[i].title, "kvd: acceptor") != 0)
			continue;
		if (found < count)
			pids[found] = list[i].pid;
		found++;
	}
	return found == count;
}

void
server_acceptors(const struct server *s, pid_t *pids, size_t count)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (!find_acceptors(s, pids, count))
		pause_until(deadline_ms, "the number of acceptors");
}

pid_t
server_worker(const struct server *s, int fd)
{
	char title[128];

	snprintf(title, sizeof(title), "kvd: worker %s:%d", s->host,
	    client_port(fd));
	return await_process(s, 0, title);
}

pid_t
server_worker_unix(const struct server *s)
{
	return await_process(s, 0, "kvd: worker unix");
}

size_t
server_pids(const struct server *s, const char *title, pid_t *pids, size_t max)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = list_processes(s, list), count = 0;

	for (i = 0; i < n; i++) {
		if (strncmp(list[i].title, title, strlen(title)) != 0)
			continue;
		if (count < max)
			pids[count] = list[i].pid;
		count++;
	}
	return pids == NULL || count < max ? count : max;
}

size_t
server_count(const struct server *s, const char *title)
{
	return server_pids(s, title, NULL, 0);
}

/* Of anybody */

void
signal_process(pid_t pid, int signo)
{
	ck_assert_int_eq(kill(pid, signo), 0);
}

bool
process_title(pid_t pid, char *title, size_t size)
{
	struct proc p;

	if (!proc_read(pid, &p) || proc_is_dead(&p))
		return false;
	(void)snprintf(title, size, "%s", p.title);
	return true;
}

void
process_expect_title(pid_t pid, const char *want)
{
	ssize_t n, size;
	char path[64], title[8192];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
	ck_assert_int_ne(fd = open(path, O_RDONLY | O_CLOEXEC), -1);
	ck_assert_int_gt(n = read(fd, title, sizeof(title)), 0);
	(void)close(fd);
	ck_assert_ptr_nonnull(memchr(title, '\0', (size_t)n));
	if (!has_title(title, want))
		ck_assert_str_eq(title, want);
	for (size = (ssize_t)strlen(title); size < n; size++)
		ck_assert_int_eq(title[size], '\0');
}

pid_t
process_parent(pid_t pid)
{
	struct proc p;

	return proc_read(pid, &p) ? p.parent : 0;
}

void
process_await_end(pid_t pid)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct proc p;

	while (proc_read(pid, &p) && !proc_is_dead(&p))
		pause_until(deadline_ms, "a killed process does not die");
}

void
process_kill(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	process_await_end(pid);
}

rlim_t
process_limit(pid_t pid, enum __rlimit_resource resource, rlim_t soft)
{
	struct rlimit limit;
	rlim_t before;

	ck_assert_int_eq(prlimit(pid, resource, NULL, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = soft;
	ck_assert_int_eq(prlimit(pid, resource, &limit, NULL), 0);
	return before;
}

static int64_t
cpu_ms(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	ck_assert_int_eq(clock_getcpuclockid(pid, &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &ts), 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A process that spins in this time uses more than SPIN_MS. */
#define WATCH_MS 500
#define SPIN_MS (WATCH_MS / 10)

void
process_expect_idle(pid_t pid)
{
	int64_t before_ms = cpu_ms(pid), end_ms = now_ms() + WATCH_MS;

	while (now_ms() < end_ms)
		pause_until(end_ms + WAIT_MS, "");
	ck_assert_int_lt(cpu_ms(pid) - before_ms, SPIN_MS);
}
