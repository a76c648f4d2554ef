/*
 * master: the life of the master, from its start to its exit.
 */

#include <sys/prctl.h>

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/startup.h"
#include "master/adopt.h"
#include "master/control.h"
#include "master/daemon.h"
#include "master/inherit.h"
#include "master/limits.h"
#include "master/master.h"
#include "master/prepare.h"
#include "master/report.h"
#include "master/supervise.h"

static void
run(struct master *m)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		log_warn("cannot set no_new_privs");
	privileges_set_traceable(m->config->core_dumps);
	if (control_init(m) == -1)
		fatalx(EX_OSERR, "out of memory");
	supervise(m);
	adopt_await(m);
	log_info("stopped");
}

/* A daemon closes all descriptors that it was not given on purpose. */
static void
close_inherited(const struct master *m, const int *fds, int count)
{
	int keep[INHERIT_MAX + 1];

	memcpy(keep, fds, (size_t)count * sizeof(*fds));
	keep[count] = m->options->ready_fd;
	startup_close_others(keep, (size_t)count + 1);
}

/* Reads the variables that name this process by its pid.  This comes before it
 * forks to become a daemon. */
static int
take_environment(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	int fds[INHERIT_MAX], count;

	if ((count = inherit_listeners(fds, error)) == -1) {
		log_warnx("%s", error);
		return EX_CONFIG;
	}
	if (!m->options->foreground)
		close_inherited(m, fds, count);
	notify_open(&m->notify, m->options->ready_fd);
	if (count == 0)
		return EX_OK;
	if (listeners_adopt(&m->listeners, fds, (size_t)count, m->config,
		error) == -1) {
		log_warnx("%s", error);
		return EX_OSERR;
	}
	log_info("using %d inherited sockets; listen is not used", count);
	return EX_OK;
}

static int
start(struct master *m)
{
	startup_stderr();
	limits_raise();
	if (limits_check(m->config) == -1)
		return m->status = EX_CONFIG;
	if ((m->status = take_environment(m)) != EX_OK ||
	    (m->status = prepare_users(m)) != EX_OK ||
	    (m->status = prepare_children(m)) != EX_OK)
		return m->status;
	if (!m->options->foreground) {
		m->params.log_where |= LOG_TO_SYSLOG;
		m->daemon_fd = daemon_start();
	}
	log_init("master", m->params.log_where, m->params.verbose);
	m->name_size = strlen(m->options->argv[0]);
	report_title(m);
	m->status = prepare_run(m);
	if (m->status == EX_OK)
		run(m);
	prepare_undo(m);
	notify_close(&m->notify);
	/* kvctl(8) takes the end of its connection for the end of kvd: now
	 * another one may start. */
	control_clear(m);
	return m->status;
}

int
master_main(struct master_options *options, struct config *config)
{
	struct master *m;
	int status, stage;

	if (clock_check() == -1)
		fatal(EX_OSERR,
		    "cannot read the clocks: allow kvd clock_gettime(2)");
	if ((m = calloc(1, sizeof(*m))) == NULL)
		fatalx(EX_OSERR, "out of memory");
	m->options = options;
	m->config = config;
	m->params.log_where = (uint8_t)log_stderr();
	m->params.verbose = options->verbose;
	m->params.wall_base_ms = clock_wall_base();
	m->signal_fd = m->scoreboard_fd = m->daemon_fd = -1;
	m->runtime_fd = m->workdir_fd = m->epoch_fd = -1;
	m->cache = area_memory_none;
	m->registry_listener.fd = m->control_listener.fd = -1;
	buf_init(&m->reload_mistakes);
	walk_init(&m->walk);
	scrub_init(&m->scrub);
	m->started_ms = clock_ms();
	m->lifeline[0] = m->lifeline[1] = -1;
	m->checkpoint[0] = m->checkpoint[1] = -1;
	for (stage = 0; stage < STAGES; stage++)
		m->program_fds[stage] = -1;
	status = start(m);
	buf_clear(&m->reload_mistakes);
	free(m);
	return status;
}
