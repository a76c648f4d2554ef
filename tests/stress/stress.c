/*
 * stress: many clients read what a few write, while registry and acceptor are
 * killed.  No client may read what it must not: see cell.h.
 *
 * Stops at the first failure; exits with 0 if there was none.
 */

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "common/io.h"
#include "stress/crowd.h"
#include "stress/killer.h"
#include "stress/request.h"
#include "stress/run.h"
#include "torture/server.h"
#include "torture/session.h"

/* Far longer than it takes, with sanitizers and on a busy machine. */
#define START_MS 60000
#define END_MS 60000

static volatile sig_atomic_t interrupted;

struct stress {
	struct run run;
	struct server server;
	struct crowd crowd;
	struct killer killer;
};

static void
interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static bool
may_go_on(const struct stress *s)
{
	return !s->run.outcome.failed && !interrupted;
}

static void
fail(struct stress *s, const char *what)
{
	outcome_failure(&s->run.outcome, &s->run.outcome.other, "%s", what);
}

/* Starting */

/* In turn, so that hot cells and those of each writer are of all kinds. */
static void
make_cells(struct run *r)
{
	static const enum cell_kind kinds[8] = { CELL_SINGLE, CELL_SINGLE,
		CELL_SINGLE, CELL_SINGLE, CELL_GROUP, CELL_GROUP, CELL_EXPIRING,
		CELL_DROPPED };
	enum cell_kind kind;
	uint32_t i;

	if ((r->cells = calloc(r->options.cells, sizeof(*r->cells))) == NULL)
		err(EX_OSERR, NULL);
	for (i = 0; i < r->options.cells; i++) {
		kind = kinds[i % 8];
		cell_init(&r->cells[i], kind, i,
		    kind == CELL_DROPPED ? CELL_NO_BUCKET : CELL_ABSENT);
	}
}

static void
start(struct stress *s)
{
	int fd;

	make_cells(&s->run);
	server_open(&s->server, &s->run.options.server);
	server_start(&s->server);
	if (!server_await(&s->server, SERVER_READY, START_MS))
		errx(EX_UNAVAILABLE,
		    "kvd does not start; its log is kept with -D");
	fd = session_open(&s->server.address);
	if (!session_ask(fd, REQUEST_CREATE, "OK\r\nOK\r\nOK\r\n"))
		errx(EX_UNAVAILABLE, "kvd makes no buckets");
	session_close(fd);
}

/* The run */

static bool
is_over(const struct stress *s, int64_t end_ms)
{
	const struct run *r = &s->run;

	return r->now_ms >= end_ms ||
	    (r->options.reads > 0 && r->outcome.reads >= r->options.reads);
}

static void
look_after_server(struct stress *s)
{
	server_look(&s->server);
	if (s->server.state != SERVER_READY)
		fail(s, "the master has ended by itself");
}

static void
finish_stage(struct stress *s, enum crowd_stage stage)
{
	crowd_begin(&s->crowd, stage);
	while (may_go_on(s) && !crowd_is_over(&s->crowd))
		crowd_round(&s->crowd);
}

static void
run(struct stress *s)
{
	int64_t start_ms = clock_ms();

	crowd_begin(&s->crowd, CROWD_ASK);
	while (may_go_on(s) &&
	    !is_over(s, start_ms + s->run.options.duration_ms)) {
		killer_run(&s->killer);
		crowd_round(&s->crowd);
	}
	s->run.outcome.run_ms = clock_ms() - start_ms;
	look_after_server(s);
}

/* Prints what kvd says about its caches since its registry has started. */
static void
print_stats(struct stress *s)
{
	char text[16384], *rest = text, *line;
	int fd = session_open(&s->server.address);
	size_t size = 0;
	ssize_t n;

	(void)io_send(fd, "STATS\nQUIT\n", strlen("STATS\nQUIT\n"), 0);
	while (size < sizeof(text) - 1 &&
	    (n = io_recv(fd, text + size, sizeof(text) - 1 - size, 0)) > 0)
		size += (size_t)n;
	session_close(fd);
	text[size] = '\0';
	while ((line = strsep(&rest, "\r\n")) != NULL)
		if (strncmp(line, "cache-", 6) == 0 ||
		    strncmp(line, "local-", 6) == 0)
			printf("%s\n", line);
}

/* Ending */

/* A process that dies of anything else has a mistake. */
static void
check_log(struct stress *s)
{
	char path[128], line[1024];
	const char *death;
	FILE *file;

	server_path(&s->server, "log", path);
	if ((file = fopen(path, "re")) == NULL)
		err(EX_OSERR, "%s", path);
	while (fgets(line, sizeof(line), file) != NULL)
		if ((death = strstr(line, "died of SIG")) != NULL &&
		    strncmp(death, "died of SIGKILL", 15) != 0)
			fail(s, line);
	(void)fclose(file);
}

static void
stop(struct stress *s)
{
	bool good = !s->run.outcome.failed;

	if (s->server.state != SERVER_DOWN)
		server_end(&s->server, good ? SIGTERM : SIGKILL, !good);
	if (!server_await(&s->server, SERVER_DOWN, END_MS))
		fail(s, "processes are left that do not end");
	check_log(s);
}

static void
stress(struct stress *s)
{
	start(s);
	crowd_open(&s->crowd, &s->run, &s->server.address);
	killer_init(&s->killer, &s->run, &s->crowd, s->server.master);
	finish_stage(s, CROWD_FILL);
	run(s);
	finish_stage(s, CROWD_DRAIN);
	finish_stage(s, CROWD_VERIFY);
	if (interrupted)
		fail(s, "interrupted");
	if (may_go_on(s))
		print_stats(s);
	crowd_close(&s->crowd);
	stop(s);
	server_close(&s->server);
	free(s->run.cells);
}

int
main(int argc, char *argv[])
{
	static struct stress s;

	stress_options_get(&s.run.options, argc, argv);
	stress_options_print(&s.run.options);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, interrupt);
	(void)signal(SIGTERM, interrupt);
	outcome_init(&s.run.outcome, s.run.options.verbose);
	stress(&s);
	outcome_print(&s.run.outcome);
	return s.run.outcome.failed ? 1 : 0;
}
