/*
 * control_report: prints the state of kvd for kvctl(8).  Runs in the master.
 */

#include <sys/resource.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
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
print_damage(struct master *m, struct control_conn *conn)
{
	uint64_t values[COUNTERS], damaged;

	if (walk_is_under_way(m))
		control_print(conn,
		    "alarm the registry or the checkpointer has crashed on the "
		    "store: looking whether that is damaged");
	scoreboard_sum(m->scoreboard, values);
	if ((damaged = values[COUNTER_DAMAGED]) > 0)
		control_print(conn,
		    "alarm %" PRIu64 " %s damaged: see kvctl buckets, and "
		    "kvd(8), After a damaged disk",
		    damaged, damaged == 1 ? "bucket is" : "buckets are");
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
	print_damage(m, conn);
	scrub_alarm(m, conn);
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
	scrub_report(m, conn);
	control_report_processes(m, conn);
	print_alarms(m, conn, clients);
}

void
control_report_client(struct control_conn *conn,
    const struct scoreboard_client *c, int64_t now_ms)
{
	char peer[sizeof(c->peer)];

	if (!c->is_unix)
		(void)strlcpy(peer, c->peer, sizeof(peer));
	else if (c->peer_pid == 0)
		(void)strlcpy(peer, "unix", sizeof(peer));
	else
		snprintf(peer, sizeof(peer), "unix,uid=%lu,pid=%ld",
		    (unsigned long)c->peer_uid, (long)c->peer_pid);
	control_print(conn,
	    "client id=%" PRIu64 " pid=%ld parent=%ld peer=%s age-ms=%" PRId64
	    " idle-ms=%" PRId64 " commands=%" PRIu64 " received=%" PRIu64
	    " sent=%" PRIu64 " queued=%" PRIu64 " command=%s"
	    " subscriptions=%" PRIu32 " transaction=%" PRId64
	    " listing-ms=%" PRId64,
	    c->id, (long)c->pid, (long)c->owner, peer, now_ms - c->started_ms,
	    now_ms - (c->active ? c->active_ms : c->started_ms), c->commands,
	    c->received, c->sent, c->queued_bytes,
	    c->command[0] == '\0' ? "-" : c->command, c->subscriptions,
	    c->in_transaction ? (int64_t)c->queued_requests : -1,
	    c->listing_ms == 0 ? -1 : now_ms - c->listing_ms);
}

/* The n-th value of the label, or the number of the command. */
static const char *
label_text(const struct counter_family *f, size_t n, char text[32])
{
	if (f->label == NULL)
		return "-";
	if (f->labels != NULL)
		return f->labels[n];
	snprintf(text, 32, "#%zu", n);
	return text;
}

static void
print_histogram(struct control_conn *conn, const char *name, const char *label,
    const uint64_t *h)
{
	char text[COUNTERS_BUCKETS * 21 + 1] = "";
	size_t size = 0, i;

	for (i = 0; i < COUNTERS_BUCKETS; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size,
		    "%s%" PRIu64, i == 0 ? "" : ",", h[i]);
	control_print(conn, "histogram %s %s %" PRIu64 " %s", name, label,
	    h[COUNTERS_BUCKETS], text);
}

static void
print_family(struct control_conn *conn, const struct counter_family *f,
    const uint64_t *values)
{
	static const char *const kinds[] = {
		[COUNTER_KIND_COUNTER] = "counter",
		[COUNTER_KIND_GAUGE] = "gauge",
		[COUNTER_KIND_HISTOGRAM] = "histogram",
	};
	const uint64_t *v;
	char text[32];
	size_t i;

	control_print(conn, "family %s %s %s %s", f->name, kinds[f->kind],
	    f->label == NULL ? "-" : f->label, f->help);
	for (i = 0; i < f->count; i++) {
		v = &values[counters_place(f, i)];
		if (f->kind == COUNTER_KIND_HISTOGRAM)
			print_histogram(conn, f->name, label_text(f, i, text),
			    v);
		else
			control_print(conn, "value %s %s %" PRIu64, f->name,
			    label_text(f, i, text), *v);
	}
}

void
control_report_stats(struct master *m, struct control_conn *conn)
{
	const struct counter_family *f;
	uint64_t values[COUNTERS];
	char bounds[COUNTERS_BUCKETS * 21] = "";
	size_t size = 0, i;

	scoreboard_sum(m->scoreboard, values);
	for (i = 0; i < COUNTERS_BUCKETS - 1; i++)
		size += (size_t)snprintf(bounds + size, sizeof(bounds) - size,
		    "%s%" PRIu64, i == 0 ? "" : ",", counters_bound_us(i));
	control_print(conn, "version " PACKAGE_VERSION);
	control_print(conn, "uptime-ms %" PRId64, clock_ms() - m->started_ms);
	control_print(conn, "max-clients %" PRId64, m->config->max_clients);
	control_print(conn, "bounds-us %s", bounds);
	for (i = 0; (f = counters_family(i)) != NULL; i++)
		print_family(conn, f, values);
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
