/*
 * control_commands: executes the requests of kvctl(8).  Runs in the master.
 * What the peer may do was decided when it connected.
 */

#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "master/checkpoint_demand.h"
#include "master/children.h"
#include "master/control_clients.h"
#include "master/control_commands.h"
#include "master/control_report.h"
#include "master/reload.h"

/* How long the children may take to answer a ping. */
#define ANSWER_MS 3000
/* How long until children are ready again: as long as they may take to end and
 * to start. */
#define READY_MS 90000
/* How long a reader may take nothing of a list. */
#define READER_MS 10000
/* How often to look whether a worker has ended. */
#define LOOK_AGAIN_MS 20
/* The words of a request. */
#define WORDS_MAX 2
#define BLANKS " \t\r"

struct request {
	const char *name;
	const char *argument; /* its name, or NULL: it has none */
	bool acts; /* changes something: not for those who may only look */
	void (*run)(struct master *, struct control_conn *, const char *);
	const char *help;
};

static bool
is_serving(const struct child *c)
{
	return c->spec->stage != STAGE_CHECKPOINTER;
}

/* The children that run under this configuration. */
static struct child *
end_of_children(struct master *m)
{
	return m->children + ACCEPTOR + m->config->acceptors;
}

/* Prints why not, unless clients can be served. */
static bool
is_up(struct master *m, struct control_conn *conn)
{
	if (m->stopping)
		control_fail(conn, "kvd is stopping");
	else if (!m->announced)
		control_fail(conn, "kvd is starting");
	return m->announced && !m->stopping;
}

static void
run_ping(struct master *m, struct control_conn *conn, const char *argument)
{
	struct child *c;

	(void)argument;
	if (!is_up(m, conn))
		return;
	for (c = m->children; c < end_of_children(m); c++) {
		if (!is_serving(c))
			continue;
		if (!child_answers(c)) {
			control_fail(conn, "the %s is being restarted",
			    c->spec->name);
			return;
		}
		/* One whose channel is full has not answered for long. */
		conn->awaited[c - m->children] = c->pings + 1;
		(void)child_ping(c);
	}
	control_await(conn, CONTROL_WAIT_ANSWERS, ANSWER_MS);
}

static void
check_answers(struct master *m, struct control_conn *conn, bool late)
{
	struct child *c;

	for (c = m->children; c < end_of_children(m); c++) {
		if (!is_serving(c) ||
		    (child_answers(c) &&
			c->pongs >= conn->awaited[c - m->children]))
			continue;
		if (late)
			control_fail(conn, "the %s (pid %ld) does not answer",
			    c->spec->name, (long)c->pid);
		return;
	}
	control_done(conn);
}

static void
run_status(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	control_report_status(m, conn);
	control_done(conn);
}

/* tree and clients end with the list of clients. */
static void
run_clients(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)m;
	(void)argument;
	conn->slot = SCOREBOARD_NONE;
	control_await(conn, CONTROL_WAIT_READER, READER_MS);
}

static void
check_reader(struct master *m, struct control_conn *conn, bool late)
{
	(void)late;
	control_list_clients(m, conn, clock_ms());
}

static void
run_tree(struct master *m, struct control_conn *conn, const char *argument)
{
	control_report_processes(m, conn);
	run_clients(m, conn, argument);
}

static void
run_stats(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	control_report_stats(m, conn);
	control_done(conn);
}

/* Connects to the registry and passes the connection on, so that whoever asks
 * can talk to it, and wait for it. */
static void
run_registry(struct master *m, struct control_conn *conn, const char *argument)
{
	const struct config_listen *l = &m->registry_listener.listen;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)argument;
	if (fd != -1 &&
	    connect(fd, (const struct sockaddr *)&l->addr, l->addr_size) == 0) {
		conn->pass_fd = fd;
		control_done(conn);
		return;
	}
	control_fail(conn, "the registry cannot be reached: %s",
	    strerror(errno));
	if (fd != -1)
		(void)close(fd);
}

static void
run_config(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	control_report_config(m, conn);
	control_done(conn);
}

static void
admit(struct master *m, struct control_conn *conn,
    enum scoreboard_admission admission)
{
	if (m->stopping) {
		control_fail(conn, "kvd is stopping");
		return;
	}
	m->draining = false;
	scoreboard_admit(m->scoreboard, admission);
	control_done(conn);
}

static void
run_suspend(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	admit(m, conn, SCOREBOARD_REFUSES);
}

static void
run_pause(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	admit(m, conn, SCOREBOARD_PAUSES);
}

static void
run_drain(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	admit(m, conn, SCOREBOARD_REFUSES);
	if (m->stopping)
		return;
	m->draining = true;
	m->drain_at_ms = clock_ms();
	m->drain_slot = SCOREBOARD_NONE;
}

static void
run_resume(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	admit(m, conn, SCOREBOARD_ADMITS);
}

/* The reply comes when all children are ready: those of this stage, or of all
 * stages that serve clients, with another process than now. */
static void
await_ready(struct master *m, struct control_conn *conn, const int *stage)
{
	struct child *c;

	for (c = m->children; c < m->children + CHILDREN; c++)
		conn->awaited[c - m->children] =
		    stage != NULL && c->spec->stage == *stage ? c->starts + 1 :
								0;
	control_await(conn, CONTROL_WAIT_READY, READY_MS);
}

static void
check_ready(struct master *m, struct control_conn *conn, bool late)
{
	struct child *c;

	for (c = m->children; c < end_of_children(m); c++) {
		if (child_answers(c) &&
		    c->starts >= conn->awaited[c - m->children])
			continue;
		if (m->stopping)
			control_fail(conn, "kvd is stopping");
		else if (late)
			control_fail(conn, "the %s is not ready yet: it %s",
			    c->spec->name,
			    c->last_end[0] == '\0' ? "starts" : c->last_end);
		return;
	}
	control_done(conn);
}

static void
print_mistakes(struct master *m, struct control_conn *conn)
{
	buf_append(&conn->out, buf_data(&m->reload_mistakes),
	    buf_size(&m->reload_mistakes));
	control_fail(conn, "the configuration stays as it was");
}

static void
run_reload(struct master *m, struct control_conn *conn, const char *argument)
{
	static const int acceptors = STAGE_ACCEPTORS;

	(void)argument;
	if (!is_up(m, conn))
		return;
	await_ready(m, conn, &acceptors);
	reload(m);
	if (m->reload_failed)
		print_mistakes(m, conn);
}

/* A child that waits for its restart is started now. */
static void
restart_child(struct master *m, struct child *c)
{
	children_event(m, c,
	    c->policy.state == POLICY_WAITING ? POLICY_DEADLINE :
						POLICY_REPLACE);
	/* At SIGTERM it would serve on until its workers have gone, and one
	 * that hangs would not end. */
	if (c->spec->stage == STAGE_REGISTRY)
		child_signal(c, SIGKILL);
}

static void
run_restart(struct master *m, struct control_conn *conn, const char *argument)
{
	struct child *c, *found = NULL;

	if (!is_up(m, conn))
		return;
	for (c = m->children; c < end_of_children(m); c++)
		if (strcmp(argument, c->spec->name) == 0)
			found = c;
	if (found == NULL) {
		control_fail(conn,
		    "restart needs registry, acceptor or checkpointer");
		return;
	}
	await_ready(m, conn, &found->spec->stage);
	for (c = m->children; c < end_of_children(m); c++)
		if (c->spec == found->spec)
			restart_child(m, c);
}

static void
run_checkpoint(struct master *m, struct control_conn *conn,
    const char *argument)
{
	(void)argument;
	if (!is_up(m, conn))
		return;
	conn->round = checkpoint_ask(m);
	control_await(conn, CONTROL_WAIT_CHECKPOINT, CLOCK_NEVER);
}

static void
check_checkpoint(struct master *m, struct control_conn *conn, bool late)
{
	(void)late;
	if (m->checkpoints.done >= conn->round) {
		control_print(conn, "revision %llu",
		    (unsigned long long)m->checkpoints.revision);
		control_done(conn);
	} else if (m->stopping)
		control_fail(conn, "kvd is stopping");
}

static void
run_log(struct master *m, struct control_conn *conn, const char *argument)
{
	bool verbose = strcmp(argument, "verbose") == 0, failed = false;
	struct child *c;

	if (!verbose && strcmp(argument, "brief") != 0) {
		control_fail(conn, "log needs verbose or brief");
		return;
	}
	m->params.verbose = verbose;
	log_set_verbose(verbose);
	for (c = m->children; c < m->children + CHILDREN; c++)
		if (c->channel_fd != -1 &&
		    channel_send(c->channel_fd,
			verbose ? CHANNEL_VERBOSE : CHANNEL_BRIEF) == -1) {
			failed = true;
			control_print(conn, "the %s (pid %ld) does not take it",
			    c->spec->name, (long)c->pid);
		}
	if (failed)
		control_fail(conn, "not all processes have been told");
	else
		control_done(conn);
}

static void
run_stop(struct master *m, struct control_conn *conn, const char *argument)
{
	(void)argument;
	/* A second signal would kill what the first one lets end. */
	if (!m->stopping) {
		log_info("stopping");
		children_stop(m, m->announced ? EX_OK : EX_TEMPFAIL);
	}
	control_done(conn);
	/* The end of the connection says that kvd has ended. */
	control_await(conn, CONTROL_WAIT_END, CLOCK_NEVER);
}

static void
check_end(struct master *m, struct control_conn *conn, bool late)
{
	(void)m;
	(void)conn;
	(void)late;
}

static void run_help(struct master *, struct control_conn *, const char *);

static const struct request requests[] = {
	{ "help", NULL, false, run_help, "these lines" },
	{ "ping", NULL, false, run_ping, "can clients be served?" },
	{ "status", NULL, false, run_status, "the state of kvd" },
	{ "tree", NULL, false, run_tree, "its processes" },
	{ "clients", NULL, false, run_clients, "who is connected" },
	{ "config", NULL, false, run_config, "the configuration in force" },
	{ "stats", NULL, false, run_stats, "all counters" },
	{ "registry", NULL, false, run_registry,
	    "a connection to the registry, for kvctl" },
	{ "kill", "ID", true, control_kill_client, "end a client" },
	{ "suspend", NULL, true, run_suspend, "refuse new clients" },
	{ "drain", NULL, true, run_drain,
	    "refuse new clients, and end those that are idle" },
	{ "pause", NULL, true, run_pause, "let new clients wait" },
	{ "resume", NULL, true, run_resume, "accept new clients again" },
	{ "reload", NULL, true, run_reload, "read the configuration again" },
	{ "restart", "PROCESS", true, run_restart,
	    "registry, acceptor or checkpointer" },
	{ "checkpoint", NULL, true, run_checkpoint,
	    "bring the log into data.mdb" },
	{ "log", "HOW", true, run_log, "verbose or brief" },
	{ "stop", NULL, true, run_stop, "end kvd" },
};

#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

static void
run_help(struct master *m, struct control_conn *conn, const char *argument)
{
	size_t i;

	(void)m;
	(void)argument;
	for (i = 0; i < REQUESTS; i++)
		control_print(conn, "%s%s%s: %s%s", requests[i].name,
		    requests[i].argument == NULL ? "" : " ",
		    requests[i].argument == NULL ? "" : requests[i].argument,
		    requests[i].help,
		    requests[i].acts ? " (root or kvd's user)" : "");
	control_done(conn);
}

static void
run(struct master *m, struct control_conn *conn, const struct request *r,
    const char *argument)
{
	if ((r->argument == NULL) != (argument == NULL)) {
		control_fail(conn, "%s needs %s", r->name,
		    r->argument == NULL ? "no argument" : "one argument");
		return;
	}
	if (r->acts && !conn->may_act) {
		control_fail(conn,
		    "only root and the user that kvd runs as may do that");
		return;
	}
	if (r->acts)
		log_info("kvctl (uid %lu, pid %ld): %s%s%s",
		    (unsigned long)conn->uid, (long)conn->pid, r->name,
		    argument == NULL ? "" : " ",
		    argument == NULL ? "" : argument);
	r->run(m, conn, argument);
}

void
control_execute(struct master *m, struct control_conn *conn, char *line)
{
	char *words[WORDS_MAX + 1] = { NULL }, *word;
	size_t n = 0, i;

	while ((word = strsep(&line, BLANKS)) != NULL)
		if (*word != '\0' && n <= WORDS_MAX)
			words[n++] = word;
	if (n == 0)
		return;
	for (i = 0; i < REQUESTS; i++)
		if (strcmp(words[0], requests[i].name) == 0)
			break;
	if (i == REQUESTS) {
		control_fail(conn, "unknown request: help lists all");
		conn->closing = true;
	} else if (n > WORDS_MAX)
		control_fail(conn, "%s has too many arguments", words[0]);
	else
		run(m, conn, &requests[i], words[1]);
}

void
control_check(struct master *m, struct control_conn *conn, int64_t now_ms)
{
	static void (*const checks[])(struct master *, struct control_conn *,
	    bool) = {
		[CONTROL_WAIT_ANSWERS] = check_answers,
		[CONTROL_WAIT_READY] = check_ready,
		[CONTROL_WAIT_CHECKPOINT] = check_checkpoint,
		[CONTROL_WAIT_CLIENT] = control_check_killed,
		[CONTROL_WAIT_READER] = check_reader,
		[CONTROL_WAIT_END] = check_end,
	};

	checks[conn->wait](m, conn, conn->deadline_ms <= now_ms);
}

int64_t
control_next_check(const struct control_conn *conn, int64_t now_ms)
{
	/* The end of a worker is its acceptor's to see. */
	return conn->wait == CONTROL_WAIT_CLIENT ? now_ms + LOOK_AGAIN_MS :
						   CLOCK_NEVER;
}
