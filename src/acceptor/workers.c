/*
 * workers: the processes that serve the clients.  Runs in the acceptor, and
 * between the fork and worker_run() in the worker.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/tree.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "acceptor/title.h"
#include "acceptor/workers.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/roster.h"
#include "worker/worker.h"

/* A guess at the address space gets one try in this time. */
#define RENEW_MS 1000

struct worker_process {
	RB_ENTRY(worker_process) entry;
	pid_t pid;
	uint32_t slot; /* in the roster */
};

static int
worker_compare(struct worker_process *a, struct worker_process *b)
{
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

RB_GENERATE_INTERNAL(worker_tree, worker_process, entry, worker_compare,
    __attribute__((unused)) static)

/* In the child: becomes the client's worker. */
static void
become_worker(struct acceptor *a, int fd, const char *title, uint32_t slot)
{
	size_t i;

	a->is_worker = true;
	log_set_role("worker");
	for (i = 0; i < a->listeners; i++)
		(void)close(a->pfds[PFD_LISTEN + i].fd);
	(void)close(CHANNEL_FD);
	(void)close(CHANNEL_ROSTER_FD);
	if (a->spare_fd != -1)
		(void)close(a->spare_fd);
	title_set(&a->title, title);
	/* The signal descriptor reads the signals of whoever reads it. */
	worker_run(a->config, fd, a->pfds[PFD_SIGNAL].fd, CHANNEL_LIFELINE_FD,
	    roster_cell(a->roster, slot));
}

static void
add_worker(struct acceptor *a, struct worker_process *w, pid_t pid,
    uint32_t slot)
{
	w->pid = pid;
	w->slot = slot;
	RB_INSERT(worker_tree, &a->workers, w);
}

int
workers_start(struct acceptor *a, int fd, const struct sockaddr_storage *addr,
    uint32_t slot)
{
	char title[TITLE_SIZE];
	struct worker_process *w;
	pid_t pid = -1;

	title_format(title, addr);
	if ((w = malloc(sizeof(*w))) != NULL)
		pid = fork();
	if (pid == -1) {
		free(w);
		return -1;
	}
	if (pid == 0) {
		free(w);
		become_worker(a, fd, title, slot);
		return 0;
	}
	roster_set_pid(a->roster, slot, pid);
	add_worker(a, w, pid, slot);
	(void)close(fd);
	return 0;
}

static void
report_crash(struct acceptor *a, const struct worker_process *w, int status,
    const struct rusage *use)
{
	char report[ROSTER_REPORT_SIZE];
	int64_t soonest_ms = a->started_ms + RENEW_MS;

	roster_report(a->roster, w->slot, w->pid, status, use, report);
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
		roster_release(a->roster, w->slot);
		RB_REMOVE(worker_tree, &a->workers, w);
		free(w);
	}
}

/* Workers of this process, forked before it executed itself anew. */
void
workers_find(struct acceptor *a)
{
	uint32_t slot = ROSTER_NONE;
	struct worker_process *w;
	pid_t pid = 0;

	while ((slot = roster_next(a->roster, getpid(), slot, &pid)) !=
	    ROSTER_NONE) {
		if ((w = malloc(sizeof(*w))) == NULL)
			fatal(EX_OSERR, "workers");
		add_worker(a, w, pid, slot);
	}
	/* Some may have ended meanwhile, and their signal with the old one. */
	workers_reap(a);
}

/* In the acceptor at its end: who is left did not end in time. */
void
workers_clear(struct acceptor *a)
{
	struct worker_process *w;

	while ((w = RB_ROOT(&a->workers)) != NULL) {
		if (!a->is_worker && !a->has_left &&
		    kill(w->pid, SIGKILL) == -1)
			log_warn("kill %ld", (long)w->pid);
		RB_REMOVE(worker_tree, &a->workers, w);
		free(w);
	}
}
