/*
 * control_report: prints the state of kvd for kvctl(8).  Runs in the master.
 */

#include <sys/resource.h>

#include <inttypes.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/scoreboard.h"
#include "master/control_report.h"
#include "master/limits.h"
#include "master/listener.h"
#include "master/report.h"

/* Clients are short when no more than this part of max-clients is left. */
#define CLIENTS_SHORT 10

static const char *const states[POLICY_STATES] = {
	[POLICY_IDLE] = "stopped",
	[POLICY_WAITING] = "waiting",
	[POLICY_STARTING] = "starting",
	[POLICY_READY] = "ready",
	[POLICY_FAILING] = "failing",
	[POLICY_REPLACING] = "ending",
	[POLICY_STOPPING] = "ending",
};

static void
print_process(struct control_conn *conn, const struct child *c, int64_t now_ms)
{
	int64_t up_ms =
	    policy_runs(&c->policy) ? now_ms - c->policy.started_ms : 0;

	control_print(conn,
	    "process role=%s pid=%ld state=%s uptime-ms=%" PRId64
	    " restarts=%" PRIu64 " unanswered-pings=%u next-start-ms=%" PRId64
	    " ended-ms=%" PRId64 " end=\"%s\"",
	    c->spec->name, (long)c->pid, states[c->policy.state], up_ms,
	    c->starts > 0 ? c->starts - 1 : 0, c->heartbeat.unanswered,
	    c->policy.state == POLICY_WAITING ? c->policy.deadline_ms - now_ms :
						0,
	    c->last_end[0] == '\0' ? 0 : now_ms - c->ended_ms, c->last_end);
}

void
control_report_processes(struct master *m, struct control_conn *conn)
{
	int64_t now_ms = clock_ms();
	const struct child *c;

	control_print(conn,
	    "process role=master pid=%ld state=%s uptime-ms=%" PRId64
	    " restarts=0 unanswered-pings=0 next-start-ms=0 ended-ms=0 "
	    "end=\"\"",
	    (long)getpid(),
	    m->stopping	     ? "ending" :
		m->announced ? "ready" :
			       "starting",
	    now_ms - m->started_ms);
	for (c = m->children; c < m->children + CHILDREN; c++)
		if (c < m->children + ACCEPTOR + m->config->acceptors ||
		    policy_runs(&c->policy))
			print_process(conn, c, now_ms);
}

static void
print_child_alarms(struct control_conn *conn, const struct child *c)
{
	if (c->policy.state == POLICY_WAITING && c->policy.backoff_ms > 0)
		control_print(conn,
		    "alarm the %s ends again and again: it %s; its restart is "
		    "delayed by %" PRId64 " ms",
		    c->spec->name, c->last_end, c->policy.backoff_ms);
	else if (c->policy.state == POLICY_FAILING)
		control_print(conn,
		    "alarm the %s (pid %ld) hangs, and is being killed",
		    c->spec->name, (long)c->pid);
	else if (!child_answers(c))
		control_print(conn, "alarm the %s is being restarted",
		    c->spec->name);
	/* One ping may just have been sent. */
	else if (c->heartbeat.unanswered > 1)
		control_print(conn,
		    "alarm the %s (pid %ld) has not answered %u pings",
		    c->spec->name, (long)c->pid, c->heartbeat.unanswered);
}

static void
print_alarms(struct master *m, struct control_conn *conn, uint32_t clients)
{
	enum scoreboard_admission admission =
	    scoreboard_admission(m->scoreboard);
	const struct child *c;

	for (c = m->children; m->announced && !m->stopping &&
	     c < m->children + ACCEPTOR + m->config->acceptors;
	     c++)
		print_child_alarms(conn, c);
	if (m->reload_failed)
		control_print(conn,
		    "alarm the last reload has failed, and the configuration "
		    "is the one before: see kvctl config");
	if (admission != SCOREBOARD_ADMITS)
		control_print(conn, "alarm new clients %s: see kvctl resume",
		    admission == SCOREBOARD_PAUSES ? "wait" : "are refused");
	if (clients >= m->config->max_clients)
		control_print(conn,
		    "alarm max-clients are connected: more are refused");
	else if (m->config->max_clients - clients <=
	    m->config->max_clients / CLIENTS_SHORT)
		control_print(conn, "alarm nearly max-clients are connected");
}

static const char *
admission_name(const struct master *m)
{
	switch (scoreboard_admission(m->scoreboard)) {
	case SCOREBOARD_REFUSES:
		return m->draining ? "drain" : "suspend";
	case SCOREBOARD_PAUSES:
		return "pause";
	default:
		return "accept";
	}
}

void
control_report_status(struct master *m, struct control_conn *conn)
{
	uint32_t clients = scoreboard_count(m->scoreboard);
	char name[LISTENER_NAME_SIZE];
	size_t i;

	control_print(conn, "version " PACKAGE_VERSION);
	control_print(conn, "state %s", report_describe(m));
	control_print(conn, "uptime-ms %" PRId64, clock_ms() - m->started_ms);
	control_print(conn, "log %s", m->params.verbose ? "verbose" : "brief");
	control_print(conn, "admission %s", admission_name(m));
	for (i = 0; i < m->listeners.count; i++) {
		listener_name(m->listeners.fds[i], name);
		control_print(conn, "listen %s", name);
	}
	control_print(conn, "clients %" PRIu32, clients);
	control_print(conn, "max-clients %" PRId64, m->config->max_clients);
	control_print(conn, "data %s", m->config->data);
	control_report_processes(m, conn);
	print_alarms(m, conn, clients);
}

/* Reads what a reload would read, and changes nothing. */
static bool
read_again(struct master *m, struct config *fresh, struct buf *mistakes)
{
	struct master_options options = *m->options;
	int64_t limit, fit;

	if (master_options_config(&options, fresh, true, mistakes) != EX_OK)
		return false;
	/* As limits_apply() does. */
	fit = limits_clients(fresh, &limit);
	if (fresh->max_clients > fit)
		fresh->max_clients = fit;
	return true;
}

/* Comments, so that all of the reply is a configuration. */
static void
print_changes(struct master *m, struct control_conn *conn)
{
	size_t before = buf_size(&conn->out);
	struct config fresh;
	struct buf mistakes;
	char *line, *next;

	buf_init(&mistakes);
	if (config_init(&fresh) == -1)
		(void)config_mistake(&mistakes, "out of memory");
	else if (read_again(m, &fresh, &mistakes))
		config_print_changes(m->config, &fresh,
		    "# reload: ", "# restart: ", &conn->out);
	buf_append_byte(&mistakes, '\0');
	next = (char *)buf_data(&mistakes);
	while (next != NULL && *(line = strsep(&next, "\n")) != '\0')
		control_print(conn, "# mistake: %s", line);
	if (buf_size(&conn->out) == before)
		control_print(conn, "# A reload would change nothing.");
	buf_clear(&mistakes);
	config_clear(&fresh);
}

void
control_report_config(struct master *m, struct control_conn *conn)
{
	config_print(m->config, &conn->out);
	print_changes(m, conn);
}
