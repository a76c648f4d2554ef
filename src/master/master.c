/*
 * master: the supervisor's life.
 */

#include <sys/prctl.h>

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "master/adopt.h"
#include "master/daemon.h"
#include "master/master.h"
#include "master/prepare.h"
#include "master/supervise.h"

static void
run(struct master *m)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		log_warn("no_new_privs");
	supervise(m);
	adopt_await(m);
	log_info("stopped");
}

static int
start(struct master *m)
{
	if (!m->options->foreground) {
		m->log.where |= LOG_TO_SYSLOG;
		m->daemon_fd = daemon_start();
	}
	log_init("master", m->log.where, m->log.verbose);
	setproctitle("-kvd: master");
	m->status = prepare_run(m);
	if (m->status == EX_OK)
		run(m);
	prepare_undo(m);
	return m->status;
}

int
master_main(const struct options *options, struct config *config)
{
	struct master *m;
	int status;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		fatalx(EX_OSERR, "out of memory");
	m->options = options;
	m->config = config;
	m->log.where = LOG_TO_STDERR;
	m->log.verbose = options->verbose;
	m->signal_fd = m->registry_fd = m->roster_fd = m->daemon_fd = -1;
	m->lifeline[0] = m->lifeline[1] = -1;
	status = prepare_children(m);
	if (!options->check && status == EX_OK)
		status = start(m);
	free(m);
	return status;
}
