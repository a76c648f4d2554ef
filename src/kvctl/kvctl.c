/*
 * kvctl: the table of commands, and the simple ones.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "kvctl/buckets.h"
#include "kvctl/clients.h"
#include "kvctl/ctl.h"
#include "kvctl/ctl_config.h"
#include "kvctl/kvctl.h"
#include "kvctl/maintain.h"
#include "kvctl/show.h"
#include "kvctl/stats_show.h"
#include "kvctl/top.h"

/* How long commands may take, unless -t says otherwise: those that the master
 * answers at once, and those that wait for a process to start. */
#define ANSWER_MS 10000
#define RESTART_MS 100000
/* The pause between two attempts of wait. */
#define WAIT_PAUSE_MS 100

struct command {
	const char *name;
	const char *argument; /* its name, or NULL: it has none */
	int64_t timeout_ms; /* CLOCK_NEVER: none */
	int (*run)(struct ctl *, const char *argument);
};

/* Sends the command as it is, and prints the reply. */
static int
run_plain(struct ctl *ctl, const char *argument)
{
	return ctl_complain(ctl,
	    ctl_ask(ctl, ctl->options.words[0], argument, NULL, NULL));
}

static int
run_ping(struct ctl *ctl, const char *argument)
{
	int status = run_plain(ctl, argument);

	if (status == CTL_DONE)
		puts("kvd is ready");
	return status;
}

/* Asks again and again, until kvd is ready or the time is over. */
static int
run_wait(struct ctl *ctl, const char *argument)
{
	static const struct timespec pause = { .tv_nsec =
						   WAIT_PAUSE_MS * 1000000 };
	int status;

	while (
	    (status = ctl_ask(ctl, "ping", argument, NULL, NULL)) != CTL_DONE &&
	    clock_ms() < ctl->deadline_ms) {
		ctl_conn_close(&ctl->conn);
		(void)nanosleep(&pause, NULL);
	}
	return ctl_complain(ctl, status);
}

static int
run_stop(struct ctl *ctl, const char *argument)
{
	int status = run_plain(ctl, argument);

	if (status == CTL_DONE && !ctl_conn_await_end(&ctl->conn)) {
		warnx("kvd has been told to stop, and has not ended yet");
		return CTL_FAILED;
	}
	return status;
}

static const struct command commands[] = {
	{ "backup", "[-f] [-k size] [-r rate] FILE|-", CLOCK_NEVER,
	    maintain_backup },
	{ "buckets", NULL, ANSWER_MS, buckets_show },
	{ "checkpoint", NULL, CLOCK_NEVER, run_plain },
	{ "clients", NULL, ANSWER_MS, clients_show },
	{ "config", NULL, ANSWER_MS, run_plain },
	{ "drain", NULL, ANSWER_MS, run_plain },
	{ "kill", "ID", ANSWER_MS, run_plain },
	{ "log", "verbose|brief", ANSWER_MS, run_plain },
	{ "pause", NULL, ANSWER_MS, run_plain },
	{ "ping", NULL, ANSWER_MS, run_ping },
	{ "reload", NULL, RESTART_MS, run_plain },
	{ "restart", "registry|acceptor|checkpointer", RESTART_MS, run_plain },
	{ "resume", NULL, ANSWER_MS, run_plain },
	{ "stats", NULL, ANSWER_MS, stats_show },
	{ "status", NULL, ANSWER_MS, show_status },
	{ "stop", NULL, CLOCK_NEVER, run_stop },
	{ "suspend", NULL, ANSWER_MS, run_plain },
	{ "top", NULL, CLOCK_NEVER, top_show },
	{ "tree", NULL, ANSWER_MS, show_tree },
	{ "verify", NULL, CLOCK_NEVER, maintain_verify },
	{ "wait", NULL, CLOCK_NEVER, run_wait },
};

static const struct command *
find_command(const struct ctl_options *o)
{
	const struct command *c;

	for (c = commands; c < commands + sizeof(commands) / sizeof(*c); c++)
		if (strcmp(o->words[0], c->name) == 0)
			break;
	if (c == commands + sizeof(commands) / sizeof(*c))
		errx(CTL_USAGE, "not a command: %s; see kvctl(8)", o->words[0]);
	/* kvd-maintain counts its own arguments. */
	if (o->count != (c->argument == NULL ? 1 : 2) &&
	    (c->run != maintain_backup || o->count == 1))
		errx(CTL_USAGE, "usage: kvctl %s%s%s", c->name,
		    c->argument == NULL ? "" : " ",
		    c->argument == NULL ? "" : c->argument);
	/* It would be another request. */
	if (c->run != maintain_backup && o->count > 1 &&
	    strpbrk(o->words[1], "\r\n") != NULL)
		errx(CTL_USAGE, "an argument has a line break");
	if ((o->json || o->metrics) && c->run != stats_show)
		errx(CTL_USAGE, "-j and -m are options of stats");
	return c;
}

static char *
find_socket(const char *file)
{
	struct config config;
	char *path;

	ctl_config_read(&config, file);
	if (asprintf(&path, "%s/" CONTROL_SOCKET, config.runtime) == -1)
		errx(CTL_FAILED, "out of memory");
	config_clear(&config);
	return path;
}

int
kvctl_main(int argc, char *argv[])
{
	struct ctl ctl = { .conn.fd = -1, .conn.passed_fd = -1 };
	const struct command *c;
	char *path = NULL;
	int status;

	ctl_options_parse(&ctl.options, argc, argv);
	c = find_command(&ctl.options);
	if ((ctl.path = ctl.options.socket) == NULL)
		ctl.path = path = find_socket(ctl.options.config);
	ctl.timeout_ms = ctl.options.timeout_ms == -1 ? c->timeout_ms :
							ctl.options.timeout_ms;
	ctl.deadline_ms = ctl.timeout_ms == CLOCK_NEVER ?
	    CLOCK_NEVER :
	    clock_ms() + ctl.timeout_ms;
	status = c->run(&ctl, ctl.options.words[1]);
	ctl_conn_close(&ctl.conn);
	free(path);
	if (fflush(stdout) == EOF || ferror(stdout))
		err(CTL_FAILED, "standard output");
	return status;
}
