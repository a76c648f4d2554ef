/*
 * torture: many clients use a kvd whose processes are killed and stopped at
 * random.  Every write that was acknowledged must have been executed, and no
 * write twice.
 *
 * Stops at the first failure; exits with 0 if there was none.
 */

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "torture/backups.h"
#include "torture/ledger.h"
#include "torture/load.h"
#include "torture/rest.h"
#include "torture/server.h"
#include "torture/session.h"
#include "torture/victim.h"

/* Far longer than it takes, with sanitizers and on a busy machine. */
#define START_MS 60000
#define END_MS 60000
/* The others end by themselves within 3 seconds when the master is dead. */
#define ORPHANS_MS 10000
/* The longest time in which a new client is served after the last blow. */
#define FRESH_MS 10000

static volatile sig_atomic_t interrupted;

struct torture {
	struct options options;
	struct report report;
	struct server server;
	struct load load;
	struct victims victims;
	struct backups backups;
	struct rest before;
	int64_t master_died_ms;
};

static void
interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static bool
may_go_on(const struct torture *t)
{
	return !t->report.failed && !interrupted;
}

/* Starting */

static void
start(struct torture *t)
{
	int fd;

	server_open(&t->server, &t->options);
	server_start(&t->server);
	if (!server_await(&t->server, SERVER_READY, START_MS))
		errx(EX_UNAVAILABLE,
		    "kvd does not start; its log is kept with -k");
	fd = session_open(&t->server.address);
	if (!session_ask(fd, "CREATE " LEDGER_BUCKET "\n", "OK\r\n") ||
	    !session_ask(fd, "CREATE " LEDGER_QUEUES "\n", "OK\r\n"))
		errx(EX_UNAVAILABLE, "kvd makes no bucket");
	if (t->options.initial > 0)
		session_load(fd, t->options.initial);
	session_close(fd);
	rest_await(&t->server, &t->before, NULL);
}

/* Death and restart of the master */

static void
fail_server(struct torture *t, const char *what)
{
	report_failure(&t->report, &t->report.other, "%s", what);
}

static void
master_is_down(struct torture *t)
{
	server_start(&t->server);
	t->load.down = true;
}

static void
master_is_ready(struct torture *t)
{
	int64_t restart_ms = clock_ms() - t->master_died_ms;

	if (restart_ms > t->report.restart_ms)
		t->report.restart_ms = restart_ms;
	load_server_lives(&t->load);
}

/* Starts a new server when the old one is down. */
static void
look_after_master(struct torture *t)
{
	enum server_state before = t->server.state;
	int64_t now_ms = clock_ms();

	if (before == SERVER_READY)
		t->master_died_ms = now_ms;
	server_look(&t->server);
	if (before == SERVER_READY && t->server.state != SERVER_READY)
		fail_server(t, "the master has ended by itself");
	else if (before == SERVER_STARTING && t->server.state == SERVER_READY)
		master_is_ready(t);
	else if (before == SERVER_STARTING &&
	    t->server.state != SERVER_STARTING)
		fail_server(t, "kvd does not start again");
	else if (t->server.state == SERVER_DOWN)
		master_is_down(t);
	else if (before == SERVER_ENDING &&
	    now_ms > t->master_died_ms + ORPHANS_MS)
		report_failure(&t->report, &t->report.processes,
		    "processes outlive their master");
	else if (before == SERVER_STARTING &&
	    now_ms > t->master_died_ms + START_MS)
		fail_server(t, "kvd does not get ready again");
}

/* The run */

static void
run(struct torture *t)
{
	int64_t end_ms = clock_ms() + t->options.duration_ms, next_ms;

	load_begin(&t->load, LOAD_RUN);
	while (may_go_on(t) && clock_ms() < end_ms) {
		next_ms = victims_run(&t->victims);
		look_after_master(t);
		backups_run(&t->backups);
		load_run(&t->load, clock_timeout(next_ms, clock_ms()));
	}
	victims_resume(&t->victims);
	while (may_go_on(t) && t->server.state != SERVER_READY) {
		look_after_master(t);
		load_run(&t->load, 1);
	}
}

static void
finish_stage(struct torture *t, enum load_stage stage)
{
	load_begin(&t->load, stage);
	while (may_go_on(t) && !load_is_over(&t->load)) {
		look_after_master(t);
		load_run(&t->load, 1000);
	}
}

/* Clients have left, and no other backup is begun. */
static void
finish_backup(struct torture *t)
{
	while (may_go_on(t) && backups_are_busy(&t->backups)) {
		backups_run(&t->backups);
		load_run(&t->load, 1);
	}
}

static void
serve_new_client(struct torture *t)
{
	struct report *r = &t->report;
	int64_t start_ms = clock_ms();
	int fd = session_open(&t->server.address);

	if (!session_ask(fd, "PUT " LEDGER_BUCKET " new 1\n", "OK\r\n") ||
	    !session_ask(fd, "GET " LEDGER_BUCKET " new\n", "1\r\nOK\r\n"))
		fail_server(t, "a new client is not served");
	r->fresh_ms = clock_ms() - start_ms;
	if (r->fresh_ms > FRESH_MS)
		fail_server(t, "a new client has to wait");
	if (t->options.initial > 0 && !session_check(fd, t->options.initial))
		report_failure(r, &r->lost, "lost: the keys of the beginning");
	session_close(fd);
}

static void
check_rest(struct torture *t)
{
	struct rest now;

	rest_await(&t->server, &now, &t->before);
	rest_compare(&t->before, &now, &t->report);
}

/* Ending */

static void
stop(struct torture *t)
{
	bool good = !t->report.failed;

	victims_resume(&t->victims);
	if (t->server.state != SERVER_DOWN)
		server_end(&t->server, good ? SIGTERM : SIGKILL, !good);
	if (!server_await(&t->server, SERVER_DOWN, END_MS))
		report_failure(&t->report, &t->report.processes,
		    "processes are left that do not end");
	if (good)
		rest_check_end(&t->server, &t->report);
	rest_read_log(&t->server, &t->victims, &t->report);
}

static void
torture(struct torture *t)
{
	start(t);
	backups_init(&t->backups, &t->options, &t->report, &t->server,
	    &t->load);
	load_open(&t->load, &t->options, &t->report, &t->server.address,
	    t->options.backup_ms > 0 ? &t->backups.recorder : NULL);
	victims_init(&t->victims, &t->options, &t->report, &t->server,
	    &t->load);
	run(t);
	finish_stage(t, LOAD_DRAIN);
	finish_backup(t);
	if (may_go_on(t))
		serve_new_client(t);
	finish_stage(t, LOAD_VERIFY);
	if (may_go_on(t))
		load_finish_watchers(&t->load);
	if (may_go_on(t))
		check_rest(t);
	stop(t);
	if (interrupted)
		fail_server(t, "interrupted");
	load_close(&t->load);
	backups_clear(&t->backups);
	victims_clear(&t->victims);
	server_close(&t->server);
}

int
main(int argc, char *argv[])
{
	static struct torture t;

	options_get(&t.options, argc, argv);
	options_print(&t.options);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, interrupt);
	(void)signal(SIGTERM, interrupt);
	report_init(&t.report, &t.options);
	torture(&t);
	report_print(&t.report);
	return t.report.failed ? 1 : 0;
}
