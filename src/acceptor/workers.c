/*
 * workers: the processes that serve the clients.  Runs in the acceptor, and
 * between the fork and worker_run() in the worker.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/tree.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "acceptor/workers.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/roster.h"
#include "common/title.h"
#include "worker/worker.h"

/* A guess at the address space gets one try in this time. */
#define RENEW_MS 1000
/* Room for any address, and part of what every child has room for. */
#define TITLE_SIZE 80
_Static_assert(sizeof(CHANNEL_ROOM) >= TITLE_SIZE, "room for titles");

struct worker_process {
	RB_ENTRY(worker_process) entry;
	pid_t pid;
};

#define TABLE_SIZE (ROSTER_MAX * sizeof(struct worker_process))

static int
worker_compare(struct worker_process *a, struct worker_process *b)
{
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

RB_GENERATE_INTERNAL(worker_tree, worker_process, entry, worker_compare,
    __attribute__((unused)) static)

/* In the acceptor: in a new process, printf's pages would be to be mapped. */
static void
format_title(char title[TITLE_SIZE], const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;
	char host[INET6_ADDRSTRLEN];

	/* Not getnameinfo(3): it is large, and a worker is to be small. */
	if (addr->ss_family == AF_INET)
		snprintf(title, TITLE_SIZE, "kvd: worker %s:%u",
		    inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host)),
		    ntohs(sin->sin_port));
	else if (addr->ss_family == AF_INET6)
		snprintf(title, TITLE_SIZE, "kvd: worker [%s]:%u",
		    inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host)),
		    ntohs(sin6->sin6_port));
	else
		snprintf(title, TITLE_SIZE, "kvd: worker unix");
}

/* In the child: becomes the client's worker. */
static void
become_worker(struct acceptor *a, int fd, const char *title, uint32_t slot,
    uint64_t session)
{
	/* The signal descriptor reads the signals of whoever reads it. */
	struct worker_terms terms = { .fd = fd,
		.signal_fd = a->pfds[PFD_SIGNAL].fd,
		.lifeline_fd = CHANNEL_LIFELINE_FD,
		.cell = roster_cell(a->roster, slot),
		.session = session };
	size_t i;

	a->is_worker = true;
	for (i = 0; i < a->listeners; i++)
		(void)close(a->pfds[PFD_LISTEN + i].fd);
	(void)close(CHANNEL_FD);
	(void)close(CHANNEL_ROSTER_FD);
	if (a->spare_fd != -1)
		(void)close(a->spare_fd);
	title_set(&a->title, title);
	worker_run(a->config, &terms);
}

static void
add_worker(struct acceptor *a, pid_t pid, uint32_t slot)
{
	struct worker_process *w = &a->table[slot];

	w->pid = pid;
	RB_INSERT(worker_tree, &a->workers, w);
}

static uint32_t
slot_of(const struct acceptor *a, const struct worker_process *w)
{
	return (uint32_t)(w - a->table);
}

/* Without the handlers of fork(3), which are for threads: there are none, and
 * each page that they write to is one to be copied. */
static pid_t
fork_worker(void)
{
#ifdef HAVE__FORK
	return _Fork();
#else
	return fork();
#endif
}

int
workers_start(struct acceptor *a, int fd, const struct sockaddr_storage *addr,
    uint32_t slot)
{
	char title[TITLE_SIZE];
	uint64_t session;
	pid_t pid;

	/* Here, and not in a new process, for which it is one more page of
	 * code to map; and from the kernel, which knows of forks. */
	if (getentropy(&session, sizeof(session)) == -1)
		return -1;
	format_title(title, addr);
	if ((pid = fork_worker()) == -1)
		return -1;
	if (pid == 0) {
		become_worker(a, fd, title, slot, session);
		return 0;
	}
	roster_set_pid(a->roster, slot, pid);
	add_worker(a, pid, slot);
	(void)close(fd);
	return 0;
}

static void
report_crash(struct acceptor *a, const struct worker_process *w, int status,
    const struct rusage *use)
{
	char report[ROSTER_REPORT_SIZE];
	int64_t soonest_ms = a->started_ms + RENEW_MS;

	roster_report(a->roster, slot_of(a, w), w->pid, status, use, report);
	log_warnx("%s", report);
	/* One that stops forks no more. */
	if (a->renew_at_ms == CLOCK_NEVER && a->stop_at_ms == CLOCK_NEVER)
		a->renew_at_ms = soonest_ms;
}

void
workers_reap(struct acceptor *a)
{
	struct worker_process find, *w;
	struct rusage use;
	int status;

	while ((find.pid = wait4(-1, &status, WNOHANG, &use)) > 0) {
		w = RB_FIND(worker_tree, &a->workers, &find);
		if (w == NULL)
			continue;
		if (WIFSIGNALED(status))
			report_crash(a, w, status, &use);
		roster_release(a->roster, slot_of(a, w));
		RB_REMOVE(worker_tree, &a->workers, w);
	}
}

void
workers_init(struct acceptor *a)
{
	uint32_t slot = ROSTER_NONE;
	pid_t pid = 0;

	a->table = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->table == MAP_FAILED ||
	    madvise(a->table, TABLE_SIZE, MADV_DONTFORK) == -1)
		fatal(EX_OSERR, "workers");
	/* Those forked before this process executed itself anew. */
	while ((slot = roster_next(a->roster, getpid(), slot, &pid)) !=
	    ROSTER_NONE)
		add_worker(a, pid, slot);
	/* Some may have ended meanwhile, and their signal with the old one. */
	workers_reap(a);
}

void
workers_kill(struct acceptor *a)
{
	struct worker_process *w;

	RB_FOREACH(w, worker_tree, &a->workers)
		if (kill(w->pid, SIGKILL) == -1)
			log_warn("kill %ld", (long)w->pid);
}
