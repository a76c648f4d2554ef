/*
 * acceptor: the permanent process that forks a temporary worker for each
 * client.  Trusts the master.  Kept small: what is in memory here is what
 * every fork copies.
 */

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/tree.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "acceptor/acceptor.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "common/roster.h"
#include "worker/worker.h"

/* How long to leave clients waiting when processes, descriptors or memory
 * are short. */
#define PAUSE_MS 100
/* Clients accepted before signals are looked at again. */
#define ACCEPT_BATCH 64
/* Workers end by themselves within the shutdown timeout; those that do not
 * are killed this much later. */
#define KILL_DELAY_MS 1000
/* Between two lines of the log about a shortage. */
#define COMPLAIN_MS 10000
/* A guess at the address space gets one try in this time. */
#define RENEW_MS 1000

struct worker_process {
	RB_ENTRY(worker_process) entry;
	pid_t pid;
	uint32_t slot; /* in the roster */
};
RB_HEAD(worker_tree, worker_process);

struct acceptor {
	struct config *config;
	char *program;
	struct roster *roster;
	struct worker_tree workers;
	struct pollfd *pfds; /* signal, channel, then the listeners */
	size_t listeners;
	int spare_fd; /* to be given up when there is no other; or -1 */
	int64_t started_ms;
	int64_t complain_at_ms; /* not before: shortages come in masses */
	int64_t accept_at_ms; /* CLOCK_NEVER unless pausing */
	int64_t renew_at_ms; /* CLOCK_NEVER unless a worker has crashed */
	int64_t stop_at_ms; /* CLOCK_NEVER unless stopping */
	bool is_worker; /* this process is a forked worker, and done */
	bool has_left; /* ends at once, and its workers live on */
};

enum {
	PFD_SIGNAL,
	PFD_CHANNEL,
	PFD_LISTEN
};

static int
worker_compare(struct worker_process *a, struct worker_process *b)
{
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

RB_GENERATE_INTERNAL(worker_tree, worker_process, entry, worker_compare,
    __attribute__((unused)) static)

static void
listen_events(struct acceptor *a, short events)
{
	size_t i;

	for (i = 0; i < a->listeners; i++)
		a->pfds[PFD_LISTEN + i].events = events;
}

/* Something is short: let what is there end, then go on. */
static void
pause_accepting(struct acceptor *a)
{
	listen_events(a, 0);
	a->accept_at_ms = clock_ms() + PAUSE_MS;
}

static void
set_title(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;
	char host[INET6_ADDRSTRLEN];

	/* Not getnameinfo(3): it is large, and a worker is to be small. */
	if (addr->ss_family == AF_INET)
		setproctitle("-kvd: worker %s:%u",
		    inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host)),
		    ntohs(sin->sin_port));
	else if (addr->ss_family == AF_INET6)
		setproctitle("-kvd: worker [%s]:%u",
		    inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host)),
		    ntohs(sin6->sin6_port));
	else
		setproctitle("-kvd: worker unix");
}

/* In the child: becomes the client's worker. */
static void
become_worker(struct acceptor *a, int fd, const struct sockaddr_storage *addr,
    uint32_t slot)
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
	set_title(addr);
	/* The signal descriptor reads the signals of whoever reads it. */
	worker_run(a->config, fd, a->pfds[PFD_SIGNAL].fd, CHANNEL_LIFELINE_FD,
	    roster_cell(a->roster, slot));
}

static const char *const refusals[] = {
	[ROSTER_FULL] = "ERROR too many clients\r\n",
	[ROSTER_SOURCE_FULL] = "ERROR too many clients from your address\r\n",
};

static void
refuse(int fd, enum roster_result why)
{
	char unread[512];

	(void)io_send(fd, refusals[why], strlen(refusals[why]), MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* Closing with unread input would take the line back. */
	(void)io_recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	(void)close(fd);
}

/* Something is short: says so, but not for each client. */
static void
complain(struct acceptor *a, const char *what)
{
	int saved = errno;
	int64_t now_ms = clock_ms();

	if (now_ms >= a->complain_at_ms) {
		errno = saved;
		log_warn("%s", what);
		a->complain_at_ms = now_ms + COMPLAIN_MS;
	}
	pause_accepting(a);
}

static void
add_worker(struct acceptor *a, struct worker_process *w, pid_t pid,
    uint32_t slot)
{
	w->pid = pid;
	w->slot = slot;
	RB_INSERT(worker_tree, &a->workers, w);
}

static void
start_worker(struct acceptor *a, int fd, const struct sockaddr_storage *addr,
    uint32_t slot)
{
	struct worker_process *w;
	pid_t pid = -1;

	if ((w = malloc(sizeof(*w))) != NULL)
		pid = fork();
	if (pid == -1) {
		complain(a, "cannot start a worker");
		free(w);
		roster_release(a->roster, slot);
		refuse(fd, ROSTER_FULL);
		return;
	}
	if (pid == 0) {
		free(w);
		become_worker(a, fd, addr, slot);
		return;
	}
	roster_set_pid(a->roster, slot, pid);
	add_worker(a, w, pid, slot);
	(void)close(fd);
}

static void
open_spare(struct acceptor *a)
{
	if (a->spare_fd == -1)
		a->spare_fd = open(_PATH_DEVNULL, O_RDONLY | O_CLOEXEC);
}

/* There is no descriptor for the client that waits, but the spare one. */
static void
refuse_with_spare(struct acceptor *a, int listen_fd)
{
	int fd;

	if (a->spare_fd == -1)
		return;
	(void)close(a->spare_fd);
	a->spare_fd = -1;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd != -1)
		refuse(fd, ROSTER_FULL);
	open_spare(a);
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == ENOBUFS;
}

/* Returns false when nobody waits, or none can be taken now. */
static bool
accept_one(struct acceptor *a, int listen_fd)
{
	struct sockaddr_storage addr;
	socklen_t addr_size = sizeof(addr);
	enum roster_result result;
	uint32_t slot = 0;
	int fd;

	addr.ss_family = AF_UNSPEC;
	fd = accept4(listen_fd, (struct sockaddr *)&addr, &addr_size,
	    SOCK_CLOEXEC);
	if (fd == -1) {
		if (is_shortage(errno)) {
			complain(a, "cannot accept a client");
			refuse_with_spare(a, listen_fd);
		} else if (errno != EAGAIN && errno != EWOULDBLOCK &&
		    errno != EINTR && errno != ECONNABORTED)
			complain(a, "accept");
		return false;
	}
	result = roster_take(a->roster, &addr, a->config->max_clients,
	    a->config->max_clients_per_source, &slot);
	if (result == ROSTER_OK)
		start_worker(a, fd, &addr, slot);
	else
		refuse(fd, result);
	return !a->is_worker && a->accept_at_ms == CLOCK_NEVER;
}

static void
accept_clients(struct acceptor *a, int listen_fd)
{
	int i;

	for (i = 0; i < ACCEPT_BATCH; i++)
		if (!accept_one(a, listen_fd))
			return;
}

static void
report_crash(struct acceptor *a, const struct worker_process *w, int status,
    const struct rusage *use)
{
	char report[ROSTER_REPORT_SIZE];
	int64_t soonest_ms = a->started_ms + RENEW_MS;

	roster_report(a->roster, w->slot, w->pid, status, use, report);
	log_warnx("%s", report);
	if (a->renew_at_ms == CLOCK_NEVER)
		a->renew_at_ms = soonest_ms;
}

static void
reap_workers(struct acceptor *a)
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

static void
stop_accepting(struct acceptor *a)
{
	size_t i;

	if (a->stop_at_ms != CLOCK_NEVER)
		return;
	for (i = 0; i < a->listeners; i++) {
		(void)close(a->pfds[PFD_LISTEN + i].fd);
		a->pfds[PFD_LISTEN + i].fd = -1;
	}
	a->accept_at_ms = a->renew_at_ms = CLOCK_NEVER;
	a->stop_at_ms =
	    clock_ms() + a->config->shutdown_timeout_ms + KILL_DELAY_MS;
}

/* Has the master cut the lifeline? */
static bool
kvd_is_stopping(void)
{
	struct pollfd pfd = { .fd = CHANNEL_LIFELINE_FD };

	return io_poll(&pfd, 1, 0) > 0;
}

static void
read_signal(struct acceptor *a)
{
	struct signalfd_siginfo info;

	if (read(a->pfds[PFD_SIGNAL].fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap_workers(a);
	else if (kvd_is_stopping())
		stop_accepting(a);
	else {
		/* Somebody wants this process to end, not its clients': the
		 * master adopts the workers, and starts another acceptor. */
		log_info("told to end while kvd runs; leaving the workers");
		a->has_left = true;
	}
}

/*
 * Workers inherit this: one that is woken does not preempt the registry,
 * which so answers all who wait before they run.  Measured with 50 clients
 * on two processors: 1.3 to 1.4 times the requests.
 */
static void
yield_to_registry(void)
{
	static const struct sched_param none = { .sched_priority = 0 };

	if (sched_setscheduler(0, SCHED_BATCH, &none) == -1)
		log_warn("sched_setscheduler");
}

/* The configuration may be newer than what this process has inherited. */
static size_t
count_listeners(void)
{
	socklen_t size = sizeof(int);
	size_t n = 0;
	int on;

	while (getsockopt(CHANNEL_LISTEN_FD + (int)n, SOL_SOCKET, SO_ACCEPTCONN,
		   &on, &size) == 0 &&
	    on)
		n++;
	return n;
}

static void
open_events(struct acceptor *a)
{
	sigset_t signals;
	size_t i;

	a->listeners = count_listeners();
	a->pfds = calloc(PFD_LISTEN + a->listeners, sizeof(a->pfds[0]));
	if (a->pfds == NULL)
		fatal(EX_OSERR, "listeners");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1)
		fatal(EX_OSERR, "sigprocmask");
	a->pfds[PFD_SIGNAL].fd =
	    signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->pfds[PFD_SIGNAL].fd == -1)
		fatal(EX_OSERR, "signalfd");
	a->pfds[PFD_SIGNAL].events = POLLIN;
	a->pfds[PFD_CHANNEL].fd = CHANNEL_FD;
	a->pfds[PFD_CHANNEL].events = POLLIN;
	for (i = 0; i < a->listeners; i++)
		a->pfds[PFD_LISTEN + i].fd = CHANNEL_LISTEN_FD + (int)i;
	listen_events(a, POLLIN);
}

static void
read_channel(struct acceptor *a)
{
	char error[CONFIG_ERROR_SIZE];

	switch (channel_serve(a->config, error)) {
	case CHANNEL_NOTHING:
	case CHANNEL_NEW_CONFIG:
		return;
	case CHANNEL_BAD_CONFIG:
		log_warnx("%s", error);
		return;
	case CHANNEL_END:
		if (a->stop_at_ms == CLOCK_NEVER)
			log_warnx("the master is gone; stopping");
		a->pfds[PFD_CHANNEL].fd = -1;
		stop_accepting(a);
		return;
	}
}

static void
handle_events(struct acceptor *a)
{
	size_t i;

	if (a->pfds[PFD_SIGNAL].revents != 0)
		read_signal(a);
	if (a->pfds[PFD_CHANNEL].revents != 0)
		read_channel(a);
	for (i = 0; i < a->listeners && !a->is_worker && !a->has_left; i++)
		if (a->pfds[PFD_LISTEN + i].fd != -1 &&
		    a->pfds[PFD_LISTEN + i].revents != 0)
			accept_clients(a, a->pfds[PFD_LISTEN + i].fd);
}

static bool
is_over(const struct acceptor *a)
{
	return a->is_worker || a->has_left ||
	    (a->stop_at_ms != CLOCK_NEVER &&
		(RB_EMPTY(&a->workers) || a->stop_at_ms <= clock_ms()));
}

/*
 * A worker has crashed: it may have been made to, by a client who guesses at
 * the layout of its memory, which is that of this process and of all workers
 * to come.  The next guess is to meet another one.
 */
static void
renew(struct acceptor *a)
{
	char *const argv[] = { a->program, NULL };

	a->renew_at_ms = CLOCK_NEVER;
	a->started_ms = clock_ms();
	if (channel_send(CHANNEL_FD, CHANNEL_RENEW) == 0 &&
	    fcntl(CHANNEL_FD, F_SETFD, 0) == 0)
		(void)execv(a->program, argv);
	/* Goes on as it is.  The configuration that may come is the same. */
	log_warn("cannot execute %s again", a->program);
	(void)fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
}

static int64_t
next_deadline(const struct acceptor *a)
{
	int64_t deadline_ms = a->accept_at_ms;

	if (a->renew_at_ms < deadline_ms)
		deadline_ms = a->renew_at_ms;
	return a->stop_at_ms < deadline_ms ? a->stop_at_ms : deadline_ms;
}

static void
run_timers(struct acceptor *a)
{
	int64_t now_ms;

	if (a->accept_at_ms == CLOCK_NEVER && a->renew_at_ms == CLOCK_NEVER)
		return;
	now_ms = clock_ms();
	if (a->accept_at_ms <= now_ms) {
		a->accept_at_ms = CLOCK_NEVER;
		listen_events(a, POLLIN);
	}
	if (a->renew_at_ms <= now_ms)
		renew(a);
}

static void
serve(struct acceptor *a)
{
	int n;

	while (!is_over(a)) {
		n = io_poll(a->pfds, PFD_LISTEN + a->listeners,
		    next_deadline(a));
		if (n == IO_FAILED)
			fatal(EX_OSERR, "poll");
		if (n > 0)
			handle_events(a);
		if (!a->is_worker && !a->has_left)
			run_timers(a);
	}
}

/* In the acceptor at its end: who is left did not end in time. */
static void
clear_workers(struct acceptor *a)
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

/* Workers of this process, forked before it executed itself anew. */
static void
find_workers(struct acceptor *a)
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
	reap_workers(a);
}

int
acceptor_main(struct config *config, char *program)
{
	struct acceptor a = { .config = config,
		.program = program,
		.workers = RB_INITIALIZER(&a.workers),
		.spare_fd = -1,
		.started_ms = clock_ms(),
		.accept_at_ms = CLOCK_NEVER,
		.renew_at_ms = CLOCK_NEVER,
		.stop_at_ms = CLOCK_NEVER };

	if ((a.roster = roster_open(CHANNEL_ROSTER_FD)) == NULL)
		fatal(EX_OSERR, "roster");
	yield_to_registry();
	open_events(&a);
	open_spare(&a);
	find_workers(&a);
	if (channel_send(CHANNEL_FD, CHANNEL_READY) == -1)
		fatal(EX_OSERR, "cannot report to the master");
	log_detach();
	serve(&a);
	clear_workers(&a);
	free(a.pfds);
	return EX_OK;
}
