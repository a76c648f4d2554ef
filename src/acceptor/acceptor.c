/*
 * acceptor: the permanent process that forks a temporary worker for each
 * client.  Trusts the master.  It is kept small, because each fork copies the
 * page tables of all that is mapped here.
 */

#include <sys/signalfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "acceptor/accept.h"
#include "acceptor/acceptor.h"
#include "acceptor/confine.h"
#include "acceptor/workers.h"
#include "area/reader.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/scoreboard.h"

/* How many descriptors the acceptor, or a worker, may have besides those of the
 * master: of signals, the log, a client, the registry, and one to spare, at
 * numbers that execve(2) has left, and as many again. */
#define SPARE_FDS 16

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
	    clock_ms() + a->config->shutdown_timeout_ms + CONFIG_KILL_DELAY_MS;
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
		workers_reap(a);
	else if (kvd_is_stopping())
		stop_accepting(a);
	else {
		/* Somebody wants this process alone to end.  The master adopts
		 * the workers and starts another acceptor. */
		log_info("told to end while kvd runs; leaving the workers");
		a->has_left = true;
	}
}

/*
 * A worker inherits this scheduling policy.  When the registry answers it, it
 * does not preempt the registry, which so answers all that wait before they
 * run.  Measured with 50 clients on two processors: 1.3 to 1.4 times the
 * requests.
 */
static void
yield_to_registry(void)
{
	static const struct sched_param none = { .sched_priority = 0 };

	if (sched_setscheduler(0, SCHED_BATCH, &none) == -1)
		log_warn("sched_setscheduler");
}

/* To be asked of each descriptor: the configuration may already name other
 * listening sockets than those that this process has inherited. */
static bool
is_listener(int fd)
{
	socklen_t size = sizeof(int);
	int on = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0)
		return on;
	if (errno != EBADF && errno != ENOTSOCK)
		fatal(EX_OSERR, "cannot look at listening socket %d", fd);
	return false;
}

static size_t
count_listeners(void)
{
	size_t n = 0;

	while (is_listener(CHANNEL_LISTEN_FD + (int)n))
		n++;
	if (n == 0)
		fatalx(EX_SOFTWARE, "no listening socket from the master");
	return n;
}

/* SIGTERM and SIGCHLD are blocked since startup_child(). */
static int
open_signals(const sigset_t *signals)
{
	int fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd == -1)
		fatal(EX_OSERR, "signalfd");
	return fd;
}

/* As the kernel knows it from when the master made the channel. */
static uid_t
find_master_uid(void)
{
	struct ucred master;
	socklen_t size = sizeof(master);

	if (getsockopt(CHANNEL_FD, SOL_SOCKET, SO_PEERCRED, &master, &size) ==
	    -1)
		fatal(EX_OSERR, "cannot look at the channel");
	return master.uid;
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
	a->worker_signal_fd = open_signals(&signals);
	sigaddset(&signals, SIGCHLD);
	a->pfds[PFD_SIGNAL].fd = open_signals(&signals);
	a->pfds[PFD_SIGNAL].events = POLLIN;
	a->pfds[PFD_CHANNEL].fd = CHANNEL_FD;
	a->pfds[PFD_CHANNEL].events = POLLIN;
	for (i = 0; i < a->listeners; i++)
		a->pfds[PFD_LISTEN + i].fd = CHANNEL_LISTEN_FD + (int)i;
	accept_resume(a);
}

static void
read_channel(struct acceptor *a)
{
	char error[CONFIG_ERROR_SIZE];
	enum channel_event event;

	event = channel_serve(a->config, error);
	switch (event) {
	case CHANNEL_NOTHING:
	case CHANNEL_NEW_CONFIG:
		return;
	case CHANNEL_BAD_CONFIG:
		/* The master sends one only when this process executes itself
		 * again, and then it is the same as before. */
		log_warnx("%s", error);
		return;
	case CHANNEL_WANTS_VERBOSE:
	case CHANNEL_WANTS_BRIEF:
		log_set_verbose(event == CHANNEL_WANTS_VERBOSE);
		return;
	case CHANNEL_WANTS_CHECKPOINT:
	case CHANNEL_UNKNOWN:
		log_warnx("unknown message from the master");
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
		(pid_index_is_empty(&a->workers) ||
		    a->stop_at_ms <= clock_ms()));
}

/*
 * A worker has crashed.  Its client may have caused that while guessing at the
 * addresses in its memory, which are the same in this process and in all
 * workers that it forks.  So it executes itself again, with other addresses.
 */
static void
execute_again(void)
{
	char name[] = ACCEPTOR_NAME, padding[] = TITLE_PADDING,
	     again[] = "again";
	char *const argv[] = { name, padding, again, NULL };

	if (channel_send(CHANNEL_FD, CHANNEL_RENEW) == 0 &&
	    fcntl(CHANNEL_FD, F_SETFD, 0) == 0)
		(void)fexecve(CHANNEL_PROGRAM_FD, argv, environ);
	/* It failed, so this goes on.  The master may send the configuration
	 * again, which has not changed. */
	log_warn("cannot execute %s again", name);
	(void)fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
}

/* The loader of a program that is executed would not be found in a root that
 * holds only the registry's socket. */
static void
renew(struct acceptor *a)
{
	a->renew_at_ms = CLOCK_NEVER;
	a->started_ms = clock_ms();
	if (!a->is_confined)
		execute_again();
	else if (channel_send(CHANNEL_FD, CHANNEL_REPLACE) == -1)
		log_warn("cannot ask to be replaced");
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
	if (a->accept_at_ms <= now_ms)
		accept_resume(a);
	if (a->renew_at_ms <= now_ms)
		renew(a);
}

/* In a root of its own it cannot connect to another syslogd, but its successor
 * can before it gets there. */
static void
check_log(struct acceptor *a)
{
	if (a->is_confined && a->syslogs && log_lacks_syslogd() &&
	    a->renew_at_ms == CLOCK_NEVER && a->stop_at_ms == CLOCK_NEVER) {
		a->syslogs = false;
		a->renew_at_ms = a->started_ms + RENEW_MS;
	}
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
		if (!a->is_worker && !a->has_left) {
			check_log(a);
			run_timers(a);
		}
	}
}

/* Maps what workers read.  Only the mappings are needed: a worker inherits them,
 * and no descriptor.  Whatever fails, workers ask the registry. */
static void
open_cache(struct reader *r, const struct startup_params *params)
{
	size_t i;

	r->epoch = NULL;
	if (params->n_fds == IO_FDS_MAX &&
	    reader_open(r, params->fds[0], params->fds[1], params->fds[2]) ==
		-1)
		log_warn("cannot map the cache, so that each GET asks the "
			 "registry");
	for (i = 0; i < params->n_fds; i++)
		(void)close(params->fds[i]);
}

int
acceptor_main(struct config *config, const struct startup_params *params,
    const struct title *title, bool again)
{
	static const struct channel_store no_store;
	struct reader reader; /* mostly memory that only workers touch */
	struct acceptor a = { .config = config,
		.title = *title,
		.reader = &reader,
		.is_confined = params->privileges.switches,
		.again = again,
		.syslogs = !log_lacks_syslogd(),
		.spare_fd = -1,
		.pid = getpid(),
		.started_ms = clock_ms(),
		.accept_at_ms = CLOCK_NEVER,
		.renew_at_ms = CLOCK_NEVER,
		.stop_at_ms = CLOCK_NEVER };

	if ((a.scoreboard = scoreboard_open(CHANNEL_SCOREBOARD_FD)) == NULL)
		fatal(EX_OSERR, "scoreboard");
	open_cache(&reader, params);
	if (a.is_confined)
		(void)close(CHANNEL_PROGRAM_FD);
	if (source_rate_init(&a.rate) == -1)
		fatal(EX_OSERR, "getrandom");
	log_name_forks("worker", &a.pid);
	a.master_uid = find_master_uid();
	yield_to_registry();
	open_events(&a);
	accept_init(&a);
	expendable_init(&a.expendable);
	privileges_limit_descriptors(
	    CHANNEL_LISTEN_FD + (int)a.listeners + SPARE_FDS);
	workers_init(&a);
	if (channel_send_ready(&no_store, -1) == -1)
		fatal(EX_OSERR, "cannot report to the master");
	log_detach();
	confine_acceptor(&a, params);
	serve(&a);
	if (!a.is_worker && !a.has_left)
		workers_kill(&a);
	free(a.pfds);
	free(a.scoreboard); /* its mapping ends with the process */
	return EX_OK;
}
