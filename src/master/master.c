/*
 * master: the supervisor's life.
 */

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "master/child.h"
#include "master/daemon.h"
#include "master/listener.h"
#include "master/master.h"
#include "master/prepare.h"

/* A child ends by itself within the shutdown timeout and something. */
#define STOP_GRACE_MS 2000

/* Stops the child whose turn it is, and those before it as they end. */
static void
advance_stop(struct master *m)
{
	while (m->stage >= 0 && m->children[m->stage].state == CHILD_DOWN) {
		m->children[m->stage].start_at_ms = CLOCK_NEVER;
		m->stage--;
	}
	if (m->stage >= 0 && m->children[m->stage].state != CHILD_STOPPING)
		child_stop(&m->children[m->stage],
		    clock_ms() + m->config->shutdown_timeout_ms +
			STOP_GRACE_MS);
}

static void
begin_stop(struct master *m, int status)
{
	if (m->stopping) {
		/* Asked twice: do not wait for the one under way. */
		if (m->stage >= 0 &&
		    m->children[m->stage].state == CHILD_STOPPING)
			child_kill(&m->children[m->stage]);
		return;
	}
	m->stopping = true;
	m->status = status;
	/* Every worker sees this, also those of an earlier acceptor. */
	(void)close(m->lifeline[1]);
	m->lifeline[1] = -1;
	m->stage = CHILDREN - 1;
	advance_stop(m);
}

static void
announce(struct master *m)
{
	char name[LISTENER_NAME_SIZE];
	size_t i;

	m->announced = true;
	for (i = 0; i < m->listens; i++) {
		listener_name(m->listen_fds[i], name);
		log_info("Accepting connections on %s", name);
	}
	if (m->daemon_fd != -1)
		daemon_ready(m->daemon_fd);
	m->daemon_fd = -1;
}

static void
child_is_ready(struct master *m, struct child *c)
{
	if (c->state != CHILD_STARTING)
		return;
	c->state = CHILD_READY;
	c->deadline_ms = CLOCK_NEVER;
	log_debug("%s ready, pid %ld", c->name, (long)c->pid);
	if (m->announced || m->stopping)
		return;
	if (c == &m->children[CHILDREN - 1])
		announce(m);
	else
		(c + 1)->start_at_ms = 0;
}

static void
report_exit(const struct child *c, int status, int64_t now_ms)
{
	long long uptime_s = (long long)(now_ms - c->started_ms) / 1000;

	if (WIFSIGNALED(status))
		log_warnx("%s (pid %ld) died of signal %d (%s)%s after %llds",
		    c->name, (long)c->pid, WTERMSIG(status),
		    strsignal(WTERMSIG(status)),
		    WCOREDUMP(status) ? ", core dumped," : "", uptime_s);
	else if (c->state != CHILD_STOPPING || WEXITSTATUS(status) != EX_OK)
		log_warnx("%s (pid %ld) exited with status %d after %llds",
		    c->name, (long)c->pid, WEXITSTATUS(status), uptime_s);
}

/* What it is no use to try again, and what never worked. */
static bool
is_hopeless(const struct master *m, int status)
{
	if (WIFEXITED(status) &&
	    (WEXITSTATUS(status) == EX_CONFIG ||
		WEXITSTATUS(status) == EX_USAGE))
		return true;
	return !m->announced;
}

static void
child_has_exited(struct master *m, struct child *c, int status)
{
	int64_t now_ms = clock_ms(), delay_ms;

	report_exit(c, status, now_ms);
	child_forget(c);
	if (m->stopping && c >= &m->children[m->stage]) {
		advance_stop(m);
		return;
	}
	if (is_hopeless(m, status)) {
		if (m->stopping)
			return;
		begin_stop(m,
		    WIFEXITED(status) && WEXITSTATUS(status) != 0 ?
			WEXITSTATUS(status) :
			EX_SOFTWARE);
		return;
	}
	delay_ms = policy_restart_delay(&c->policy, c->started_ms, now_ms);
	c->start_at_ms = now_ms + delay_ms;
	log_info("restarting the %s in %lldms", c->name, (long long)delay_ms);
}

static void
reap(struct master *m)
{
	int status, i;
	pid_t pid;

	/* Others than our own are workers of an acceptor that has died. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < CHILDREN; i++)
			if (m->children[i].state != CHILD_DOWN &&
			    m->children[i].pid == pid) {
				child_has_exited(m, &m->children[i], status);
				break;
			}
}

static void
read_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(m);
			break;
		case SIGHUP:
			log_info("SIGHUP ignored: restart kvd to change its "
				 "configuration");
			break;
		default:
			log_info("stopping");
			begin_stop(m, m->announced ? EX_OK : EX_TEMPFAIL);
			break;
		}
	}
}

static void
read_channel(struct master *m, struct child *c)
{
	int type = channel_recv_type(c->channel_fd);

	if (type == CHANNEL_READY)
		child_is_ready(m, c);
	else if (type != IO_AGAIN) {
		/* End of file: SIGCHLD tells the rest. */
		if (type > 0)
			log_warnx("unknown message from the %s", c->name);
		(void)close(c->channel_fd);
		c->channel_fd = -1;
	}
}

static void
start_child(struct master *m, struct child *c, int64_t now_ms)
{
	if (child_start(c, m->config, &m->log, now_ms) == 0)
		return;
	log_warn("cannot start the %s", c->name);
	c->start_at_ms = now_ms +
	    policy_restart_delay(&c->policy, now_ms, now_ms) +
	    POLICY_BACKOFF_MIN_MS;
}

/* Does what is due, and returns when something will be. */
static int64_t
run_timers(struct master *m)
{
	int64_t now_ms = clock_ms(), next_ms = CLOCK_NEVER;
	struct child *c;
	int i;

	for (i = 0; i < CHILDREN; i++) {
		c = &m->children[i];
		if (c->state == CHILD_DOWN && c->start_at_ms <= now_ms)
			start_child(m, c, now_ms);
		if (c->deadline_ms <= now_ms)
			child_kill(c);
		if (c->start_at_ms < next_ms)
			next_ms = c->start_at_ms;
		if (c->deadline_ms < next_ms)
			next_ms = c->deadline_ms;
	}
	return next_ms;
}

static void
supervise(struct master *m)
{
	struct pollfd pfds[1 + CHILDREN];
	int64_t next_ms;
	int i;

	while (!m->stopping || m->stage >= 0) {
		next_ms = run_timers(m);
		pfds[0] = (struct pollfd){ m->signal_fd, POLLIN, 0 };
		for (i = 0; i < CHILDREN; i++)
			pfds[i + 1] =
			    (struct pollfd){ m->children[i].channel_fd, POLLIN,
				    0 };
		if (io_poll(pfds, 1 + CHILDREN, next_ms) == IO_FAILED)
			fatal(EX_OSERR, "poll");
		for (i = 0; i < CHILDREN; i++)
			if (pfds[i + 1].revents != 0)
				read_channel(m, &m->children[i]);
		if (pfds[0].revents != 0)
			read_signals(m);
	}
}

/* All children of this process, adopted ones too; none can be reaped, and
 * its pid used again, meanwhile. */
static void
kill_children(void)
{
	FILE *file;
	long pid;

	if ((file = fopen("/proc/thread-self/children", "re")) == NULL) {
		log_warn("workers are left that do not end");
		return;
	}
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

/* Workers of earlier acceptors end by themselves: the lifeline is cut. */
static void
await_orphans(struct master *m)
{
	if (reap_until(m, clock_ms() + m->config->shutdown_timeout_ms))
		return;
	kill_children();
	(void)reap_until(m, clock_ms() + STOP_GRACE_MS);
}

static void
run(struct master *m)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		log_warn("no_new_privs");
	supervise(m);
	await_orphans(m);
	log_info("stopped");
}

int
master_main(const struct options *options, const struct config *config)
{
	struct master m = { .config = config,
		.log = { LOG_TO_STDERR, options->verbose },
		.signal_fd = -1,
		.lifeline = { -1, -1 },
		.registry_fd = -1,
		.daemon_fd = -1 };

	m.status = prepare_children(&m);
	if (options->check || m.status != EX_OK)
		return m.status;
	if (!options->foreground) {
		m.log.where |= LOG_TO_SYSLOG;
		m.daemon_fd = daemon_start();
	}
	log_init("master", m.log.where, m.log.verbose);
	setproctitle("-kvd: master");
	m.status = prepare_run(&m);
	if (m.status == EX_OK)
		run(&m);
	prepare_undo(&m);
	return m.status;
}
