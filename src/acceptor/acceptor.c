/*
 * acceptor: the permanent process that forks a temporary worker for each
 * client.  Trusts the master.  Kept small: what is in memory here is what
 * every fork copies.
 */

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/tree.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
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
#include "worker/worker.h"

/* How long to leave clients waiting when processes, descriptors or memory
 * are short. */
#define PAUSE_MS 100
/* Clients accepted before signals are looked at again. */
#define ACCEPT_BATCH 64
/* Workers end by themselves within the shutdown timeout; those that do not
 * are killed this much later. */
#define KILL_DELAY_MS 1000

struct worker_process {
	RB_ENTRY(worker_process) entry;
	pid_t pid;
};
RB_HEAD(worker_tree, worker_process);

struct acceptor {
	const struct config *config;
	struct worker_tree workers;
	int64_t live; /* workers */
	struct pollfd *pfds; /* signal, channel, then the listeners */
	size_t listeners;
	int64_t accept_at_ms; /* CLOCK_NEVER unless pausing */
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
become_worker(struct acceptor *a, int fd, const struct sockaddr_storage *addr)
{
	size_t i;

	a->is_worker = true;
	log_set_role("worker");
	for (i = 0; i < a->listeners; i++)
		(void)close(a->pfds[PFD_LISTEN + i].fd);
	(void)close(CHANNEL_FD);
	set_title(addr);
	/* The signal descriptor reads the signals of whoever reads it. */
	worker_run(a->config, fd, a->pfds[PFD_SIGNAL].fd, CHANNEL_LIFELINE_FD);
}

static void
refuse(int fd)
{
	static const char line[] = "ERROR too many clients\r\n";
	char unread[512];

	(void)io_send(fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* Closing with unread input would take the line back. */
	(void)io_recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	(void)close(fd);
}

static void
start_worker(struct acceptor *a, int fd, const struct sockaddr_storage *addr)
{
	struct worker_process *w;

	if ((w = malloc(sizeof(*w))) != NULL)
		w->pid = fork();
	if (w == NULL || w->pid == -1) {
		log_warn("cannot start a worker");
		free(w);
		refuse(fd);
		pause_accepting(a);
		return;
	}
	if (w->pid == 0) {
		free(w);
		become_worker(a, fd, addr);
		return;
	}
	RB_INSERT(worker_tree, &a->workers, w);
	a->live++;
	(void)close(fd);
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
	int fd;

	addr.ss_family = AF_UNSPEC;
	fd = accept4(listen_fd, (struct sockaddr *)&addr, &addr_size,
	    SOCK_CLOEXEC);
	if (fd == -1) {
		if (is_shortage(errno)) {
			log_warn("cannot accept a client");
			pause_accepting(a);
		} else if (errno != EAGAIN && errno != EWOULDBLOCK &&
		    errno != EINTR && errno != ECONNABORTED)
			log_warn("accept");
		return false;
	}
	if (a->live >= a->config->max_clients)
		refuse(fd);
	else
		start_worker(a, fd, &addr);
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
reap_workers(struct acceptor *a)
{
	struct worker_process find, *w;
	int status;

	while ((find.pid = waitpid(-1, &status, WNOHANG)) > 0) {
		w = RB_FIND(worker_tree, &a->workers, &find);
		if (w == NULL)
			continue;
		if (WIFSIGNALED(status))
			log_warnx("worker %ld died of signal %d (%s)",
			    (long)find.pid, WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
		RB_REMOVE(worker_tree, &a->workers, w);
		free(w);
		a->live--;
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
	a->accept_at_ms = CLOCK_NEVER;
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
		log_warnx("told to end while kvd runs; leaving the workers");
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

static void
open_events(struct acceptor *a)
{
	const struct config_listen *l;
	sigset_t signals;
	size_t i;

	TAILQ_FOREACH(l, &a->config->listens, entry)
		a->listeners++;
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
handle_events(struct acceptor *a)
{
	size_t i;

	if (a->pfds[PFD_SIGNAL].revents != 0)
		read_signal(a);
	if (a->pfds[PFD_CHANNEL].revents != 0) {
		/* The master says nothing more: it has died. */
		if (a->stop_at_ms == CLOCK_NEVER)
			log_warnx("the master is gone; stopping");
		a->pfds[PFD_CHANNEL].fd = -1;
		stop_accepting(a);
	}
	for (i = 0; i < a->listeners && !a->is_worker; i++)
		if (a->pfds[PFD_LISTEN + i].fd != -1 &&
		    a->pfds[PFD_LISTEN + i].revents != 0)
			accept_clients(a, a->pfds[PFD_LISTEN + i].fd);
}

static bool
is_over(const struct acceptor *a)
{
	return a->is_worker || a->has_left ||
	    (a->stop_at_ms != CLOCK_NEVER &&
		(a->live == 0 || a->stop_at_ms <= clock_ms()));
}

static void
serve(struct acceptor *a)
{
	int64_t deadline_ms;
	int n;

	while (!is_over(a)) {
		deadline_ms = a->accept_at_ms < a->stop_at_ms ?
		    a->accept_at_ms :
		    a->stop_at_ms;
		n = io_poll(a->pfds, PFD_LISTEN + a->listeners, deadline_ms);
		if (n == IO_FAILED)
			fatal(EX_OSERR, "poll");
		if (n > 0)
			handle_events(a);
		if (a->accept_at_ms != CLOCK_NEVER &&
		    a->accept_at_ms <= clock_ms()) {
			a->accept_at_ms = CLOCK_NEVER;
			listen_events(a, POLLIN);
		}
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

int
acceptor_main(const struct config *config)
{
	struct acceptor a = { .config = config,
		.workers = RB_INITIALIZER(&a.workers),
		.accept_at_ms = CLOCK_NEVER,
		.stop_at_ms = CLOCK_NEVER };

	yield_to_registry();
	open_events(&a);
	if (channel_send_ready() == -1)
		fatal(EX_OSERR, "cannot report to the master");
	log_detach();
	serve(&a);
	clear_workers(&a);
	free(a.pfds);
	return EX_OK;
}
