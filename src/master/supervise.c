/*
 * supervise: the event loop of the master.
 */

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/io.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "master/adopt.h"
#include "master/checkpoint_demand.h"
#include "master/children.h"
#include "master/control.h"
#include "master/daemon.h"
#include "master/listener.h"
#include "master/prepare.h"
#include "master/reload.h"
#include "master/report.h"
#include "master/supervise.h"
#include "master/users.h"

/* Below the default of registry-timeout, so that new clients only wait. */
#define LOOK_MS 5000
/* After the socket could not be made again, which was logged. */
#define LOOK_AGAIN_MS 60000

static void
announce(struct master *m)
{
	char name[LISTENER_NAME_SIZE];
	size_t i;

	m->announced = true;
	for (i = 0; i < m->listeners.count; i++) {
		listener_name(m->listeners.fds[i], name);
		log_info("Accepting connections on %s", name);
	}
	listeners_warn(&m->listeners, m->config);
	users_warn(m->config, &m->params.privileges);
	report_ready(m);
	if (m->daemon_fd != -1)
		daemon_ready(m->daemon_fd);
	m->daemon_fd = -1;
	/* SIGHUP has come before there were acceptors to replace. */
	if (m->reload_wanted)
		reload(m);
}

/* Starts the registry when the checkpointer is ready, and the acceptors when
 * the registry is; announces when they are. */
static void
advance_start(struct master *m)
{
	int64_t i;

	if (m->announced || m->stopping ||
	    !child_answers(&m->children[CHECKPOINTER]))
		return;
	if (m->children[REGISTRY].policy.state == POLICY_IDLE)
		children_event(m, &m->children[REGISTRY], POLICY_START);
	if (!child_answers(&m->children[REGISTRY]))
		return;
	children_start_acceptors(m);
	for (i = 0; i < m->config->acceptors; i++)
		if (!child_answers(&m->children[ACCEPTOR + i]))
			return;
	announce(m);
}

static void
child_is_ready(struct master *m, struct child *c)
{
	children_event(m, c, POLICY_IS_READY);
	if (c->policy.state != POLICY_READY)
		return;
	log_debug("%s ready, pid %ld", c->spec->name, (long)c->pid);
	heartbeat_start(&c->heartbeat, child_heartbeat_ms(c, m->config),
	    clock_ms());
	if (c->spec->stage == STAGE_REGISTRY)
		checkpoint_tell_registry(m);
	advance_start(m);
}

/* Restarting does not help if the configuration is wrong, or if the child has
 * never worked. */
static enum policy_event
ending(const struct master *m, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == EX_CONFIG || code == EX_USAGE ||
	    (!m->announced && !walk_is_under_way(m)))
		return POLICY_ENDED_FOR_GOOD;
	return POLICY_ENDED;
}

static const char *
what_next(const struct child *c, char *text, size_t size)
{
	if (c->policy.state == POLICY_WAITING && c->policy.backoff_ms > 0)
		snprintf(text, size, "restarting it in %lldms",
		    (long long)c->policy.backoff_ms);
	else if (policy_runs(&c->policy) || c->policy.state == POLICY_WAITING)
		(void)strlcpy(text, "restarting it now", size);
	else
		(void)strlcpy(text, "not restarting it", size);
	return text;
}

/* To be replaced, a registry is killed: at SIGTERM it would serve on. */
static bool
was_killed(const struct child *c, int status)
{
	return c->policy.state == POLICY_REPLACING && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL;
}

/* Has the child ended because it was told to?  If it was told before it had set
 * up its signals, SIGTERM has killed it. */
static bool
ended_as_told(const struct child *c, int status)
{
	return (c->policy.state == POLICY_STOPPING ||
		   c->policy.state == POLICY_REPLACING) &&
	    (status == 0 ||
		(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) ||
		was_killed(c, status));
}

/* For kvctl(8). */
static void
note_end(struct child *c, const char *end)
{
	c->ended_ms = clock_ms();
	snprintf(c->last_end, sizeof(c->last_end), "%s%s",
	    c->hung ? "hung, " : "", end);
	c->hung = false;
}

static void
count_restart(struct master *m, const struct child *c)
{
	static const enum counted_process processes[STAGES] = {
		[STAGE_CHECKPOINTER] = COUNTED_CHECKPOINTER,
		[STAGE_REGISTRY] = COUNTED_REGISTRY,
		[STAGE_ACCEPTORS] = COUNTED_ACCEPTOR,
	};

	scoreboard_count_restart(m->scoreboard, processes[c->spec->stage]);
}

static void
child_has_ended(struct master *m, struct child *c, int status,
    const struct rusage *use)
{
	bool stopped = c->policy.state == POLICY_STOPPING;
	bool expected = ended_as_told(c, status);
	bool hung = c->hung || c->policy.state == POLICY_FAILING;
	int64_t ran_ms = clock_ms() - c->policy.started_ms;
	char end[EXIT_DESCRIPTION_SIZE], used[96], next[64];
	long pid = (long)c->pid;

	child_read_violation(c);
	exit_describe(end, sizeof(end), status, c->violation);
	note_end(c, expected ? "was replaced" : end);
	if (c->spec->stage == STAGE_ACCEPTORS)
		adopt_workers(m, c->pid);
	child_forget(c);
	if (!expected)
		(void)walk_follows(m, c, status, hung);
	children_event(m, c, ending(m, status));
	if (!expected) {
		if (policy_runs(&c->policy) ||
		    c->policy.state == POLICY_WAITING)
			count_restart(m, c);
		exit_describe_use(used, sizeof(used), ran_ms, use);
		log_warnx("%s (pid %ld) %s; %s; %s", c->spec->name, pid, end,
		    used, what_next(c, next, sizeof(next)));
	}
	if (m->stopping)
		children_advance_stop(m);
	else if (!stopped && c->policy.state == POLICY_IDLE)
		children_stop(m,
		    WIFEXITED(status) && WEXITSTATUS(status) != 0 ?
			WEXITSTATUS(status) :
			EX_SOFTWARE);
}

/* Reaps the child if it has ended. */
static void
reap_child(struct master *m, struct child *c)
{
	struct rusage use;
	int status;

	if (wait4(c->pid, &status, WNOHANG, &use) == c->pid)
		child_has_ended(m, c, status, &use);
}

static void
reap_acceptors(struct master *m)
{
	struct child *c;

	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++)
		if (policy_runs(&c->policy))
			reap_child(m, c);
}

static void
reap_one(struct master *m, pid_t pid)
{
	struct rusage use;
	struct child *c;
	int status;

	for (c = m->children; c < m->children + CHILDREN; c++)
		if (c->pid == pid) {
			reap_child(m, c);
			return;
		}
	/* If this is a worker, its acceptor is dead as well.  Adopt the workers
	 * of dead acceptors before any worker is reaped: adopt_workers() needs
	 * all of them to be there. */
	if (!adopt_knows(m, pid))
		reap_acceptors(m);
	if (wait4(pid, &status, WNOHANG, &use) == pid &&
	    !walk_ended(m, pid, status) && !scrub_ended(m, pid, status))
		adopt_ended(m, pid, status, &use);
}

/* Reaps all children that have ended, for which there may be only one SIGCHLD.
 * Looks at each of them before it is reaped. */
static void
reap(struct master *m)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) ==
			-1 ||
		    info.si_pid == 0)
			return;
		reap_one(m, info.si_pid);
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
			if (!m->announced)
				m->reload_wanted = true;
			else if (!m->stopping)
				reload(m);
			break;
		case SIGUSR1:
			(void)checkpoint_ask(m);
			break;
		default:
			log_info("stopping");
			children_stop(m, m->announced ? EX_OK : EX_TEMPFAIL);
			break;
		}
	}
}

static void
read_channel(struct master *m, struct child *c)
{
	uint64_t numbers[2];
	int passed_fd, type = channel_recv(c->channel_fd, numbers, &passed_fd);

	if (type == CHANNEL_READY && c->spec->stage == STAGE_REGISTRY)
		prepare_epoch(m, passed_fd);
	else if (passed_fd != -1)
		(void)close(passed_fd);
	switch (type) {
	case IO_AGAIN:
		return;
	case CHANNEL_READY:
		if (c->spec->stage == STAGE_REGISTRY)
			memcpy(m->params.store.id, numbers, sizeof(numbers));
		child_is_ready(m, c);
		return;
	case CHANNEL_PONG:
		heartbeat_pong(&c->heartbeat);
		if (c->pongs < c->pings)
			c->pongs++;
		children_event(m, c, POLICY_IS_ALIVE);
		return;
	case CHANNEL_CHECKPOINTED:
		checkpoint_made(m, numbers[0]);
		return;
	case CHANNEL_VIOLATION:
		/* SIGCHLD comes next. */
		c->violation = (long)numbers[0];
		return;
	case CHANNEL_RENEW:
		child_configure(c, m->config, &m->params);
		return;
	case CHANNEL_REPLACE:
		if (c->spec->stage == STAGE_ACCEPTORS)
			children_event(m, c, POLICY_REPLACE);
		return;
	default:
		/* End of file: SIGCHLD says how the child has ended. */
		if (type > 0)
			log_warnx("unknown message from the %s", c->spec->name);
		(void)close(c->channel_fd);
		c->channel_fd = -1;
	}
}

static void
beat(struct master *m, struct child *c, int64_t now_ms)
{
	int64_t timeout_ms = child_heartbeat_ms(c, m->config);

	switch (heartbeat_tick(&c->heartbeat, timeout_ms, now_ms)) {
	case HEARTBEAT_WAIT:
		return;
	case HEARTBEAT_PING:
		/* A ping that cannot be sent counts as not answered. */
		(void)child_ping(c);
		return;
	case HEARTBEAT_HUNG:
		log_warnx("%s (pid %ld) has not answered for %llds: it hangs; "
			  "aborting it",
		    c->spec->name, (long)c->pid, (long long)timeout_ms / 1000);
		c->hung = true;
		children_event(m, c, POLICY_HUNG);
	}
}

/* Has somebody removed the registry's socket?  Nobody else would notice: its
 * clients are connected, and new ones only have to wait.  Returns when to look
 * next. */
static int64_t
look_at_socket(struct master *m, int64_t now_ms)
{
	if (m->look_at_ms > now_ms)
		return m->look_at_ms;
	m->look_at_ms = now_ms + LOOK_MS;
	if (m->announced && !m->stopping &&
	    child_answers(&m->children[REGISTRY]) &&
	    !listener_has_name(&m->registry_listener)) {
		/* Acceptors are in the old directory, which may have gone. */
		if (children_repair(m))
			children_replace_acceptors(m);
		else
			m->look_at_ms = now_ms + LOOK_AGAIN_MS;
	}
	return m->look_at_ms;
}

/* Does what is due, and returns when the next thing will be. */
static int64_t
run_timers(struct master *m)
{
	int64_t now_ms = clock_ms(), next_ms = report_turn(m, now_ms);
	int64_t control_ms = control_run(m, now_ms);
	int64_t walk_ms = walk_run(m, now_ms);
	int64_t scrub_ms = scrub_run(m, now_ms);
	int64_t adopt_ms = adopt_run(m, now_ms);
	int64_t look_ms = look_at_socket(m, now_ms);
	struct child *c;

	if (look_ms < next_ms)
		next_ms = look_ms;
	if (control_ms < next_ms)
		next_ms = control_ms;
	if (walk_ms < next_ms)
		next_ms = walk_ms;
	if (scrub_ms < next_ms)
		next_ms = scrub_ms;
	if (adopt_ms < next_ms)
		next_ms = adopt_ms;
	for (c = m->children; c < m->children + CHILDREN; c++) {
		beat(m, c, now_ms);
		if (c->configure_at_ms <= now_ms)
			child_configure(c, m->config, &m->params);
		if (c->policy.deadline_ms <= now_ms)
			children_event(m, c, POLICY_DEADLINE);
		if (c->policy.deadline_ms < next_ms)
			next_ms = c->policy.deadline_ms;
		if (c->heartbeat.due_ms < next_ms)
			next_ms = c->heartbeat.due_ms;
		if (c->configure_at_ms < next_ms)
			next_ms = c->configure_at_ms;
	}
	return next_ms;
}

static void
await_events(struct master *m, int64_t deadline_ms)
{
	struct pollfd pfds[2 + CHILDREN + CONTROL_POLLFDS];
	size_t n;
	int i;

	pfds[0] = (struct pollfd){ m->signal_fd, POLLIN, 0 };
	for (i = 0; i < CHILDREN; i++)
		pfds[i + 1] =
		    (struct pollfd){ m->children[i].channel_fd, POLLIN, 0 };
	pfds[1 + CHILDREN] = (struct pollfd){ m->walk.fd, POLLIN, 0 };
	/* No more than there are: poll(2) minds the limit of open files. */
	n = 2 + CHILDREN + control_watch(m, pfds + 2 + CHILDREN);
	if (io_poll(pfds, n, deadline_ms) == IO_FAILED)
		fatal(EX_OSERR, "cannot wait for events");
	for (i = 0; i < CHILDREN; i++)
		if (pfds[i + 1].revents != 0)
			read_channel(m, &m->children[i]);
	if (pfds[1 + CHILDREN].revents != 0)
		walk_read(m);
	if (pfds[0].revents != 0)
		read_signals(m);
	control_handle(m, pfds + 2 + CHILDREN);
}

void
supervise(struct master *m)
{
	walk_look(m);
	children_event(m, &m->children[CHECKPOINTER], POLICY_START);
	while (!m->stopping || m->stage != STAGE_OVER)
		await_events(m, run_timers(m));
}
