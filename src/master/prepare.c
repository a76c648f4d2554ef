/*
 * prepare: from a configuration to a master that can start its children.
 */

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libutil.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "common/roster.h"
#include "master/listener.h"
#include "master/prepare.h"

__attribute__((format(printf, 2, 3))) static int
complain(int status, const char *format, ...)
{
	char text[CONFIG_ERROR_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_warnx("%s", text);
	return status;
}

/* A store is opened without recovery, but may wait for its lock. */
static const struct child_spec registry_spec = {
	.name = "registry",
	.type = POLICY_PERMANENT,
	.stage = STAGE_REGISTRY,
	.start_ms = 60000,
	.abort_ms = 5000,
};

static const struct child_spec acceptor_spec = {
	.name = "acceptor",
	.type = POLICY_PERMANENT,
	.stage = STAGE_ACCEPTORS,
	.start_ms = 30000,
	.abort_ms = 5000,
};

static void
init_child(struct child *c, const struct child_spec *spec)
{
	c->spec = spec;
	c->lifeline_fd = c->roster_fd = c->channel_fd = -1;
	policy_init(&c->policy);
	heartbeat_stop(&c->heartbeat);
}

static int
find_program(struct child *c, const char *libexec)
{
	if (snprintf(c->path, sizeof(c->path), "%s/kvd-%s", libexec,
		c->spec->name) >= (int)sizeof(c->path))
		errno = ENAMETOOLONG;
	else if (access(c->path, X_OK) == 0)
		return EX_OK;
	return complain(EX_CONFIG,
	    "cannot execute %s: %s; set libexec to the directory of kvd's "
	    "helpers",
	    c->path, strerror(errno));
}

int
prepare_children(struct master *m)
{
	int i, status;

	for (i = 0; i < CHILDREN; i++) {
		init_child(&m->children[i],
		    i == REGISTRY ? &registry_spec : &acceptor_spec);
		status = find_program(&m->children[i], m->config->libexec);
		if (status != EX_OK)
			return status;
	}
	return EX_OK;
}

static int
make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return EX_OK;
	return complain(EX_CONFIG, "cannot create runtime directory %s: %s",
	    path, strerror(errno));
}

static int
make_runtime(struct master *m)
{
	int status;

	status = make_directory(m->config->runtime, 0755);
	if (status != EX_OK)
		return status;
	if (snprintf(m->workdir, sizeof(m->workdir), "%s/worker",
		m->config->runtime) >= (int)sizeof(m->workdir))
		return complain(EX_CONFIG, "runtime: path too long");
	return make_directory(m->workdir, 0700);
}

static int
lock_runtime(struct master *m)
{
	char path[sizeof(m->workdir)];
	pid_t other = -1;

	/* Shorter than workdir, which did fit. */
	snprintf(path, sizeof(path), "%s/kvd.pid", m->config->runtime);
	m->pidfile = pidfile_open(path, 0644, &other);
	if (m->pidfile != NULL)
		return EX_OK;
	if (errno == EEXIST)
		return complain(EX_UNAVAILABLE,
		    "kvd is already running in %s, pid %ld", m->config->runtime,
		    (long)other);
	return complain(EX_CONFIG, "cannot create %s: %s", path,
	    strerror(errno));
}

void
prepare_listens(struct master *m, int *fds, size_t count)
{
	struct child *c;

	m->listen_fds = fds;
	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++) {
		c->listen_fds = fds;
		c->listens = count;
	}
}

static int
bind_listeners(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	struct config_listen *l;
	size_t n = 0;
	int *fds;

	m->registry_fd = listener_open_registry(m->workdir, error);
	if (m->registry_fd == -1)
		return complain(EX_UNAVAILABLE, "%s", error);
	if (m->inherits)
		return EX_OK;
	TAILQ_FOREACH(l, &m->config->listens, entry)
		n++;
	if ((fds = calloc(n, sizeof(int))) == NULL)
		return complain(EX_OSERR, "out of memory");
	n = 0;
	TAILQ_FOREACH(l, &m->config->listens, entry) {
		/* Those that are open, for prepare_undo(). */
		prepare_listens(m, fds, n);
		if ((fds[n++] = listener_open(l, error)) == -1)
			return complain(EX_UNAVAILABLE, "%s", error);
	}
	prepare_listens(m, fds, n);
	return EX_OK;
}

static int
open_events(struct master *m)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	/* Who reads our standard error may go away: that is no reason to. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1 ||
	    (m->signal_fd =
		    signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) == -1 ||
	    pipe2(m->lifeline, O_CLOEXEC) == -1 ||
	    (m->roster_fd = roster_create()) == -1 ||
	    (m->roster = roster_open(m->roster_fd)) == NULL ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		return complain(EX_OSERR, "cannot start: %s", strerror(errno));
	return EX_OK;
}

static void
connect_children(struct master *m)
{
	struct child *c = &m->children[REGISTRY];

	c->workdir = "/";
	c->listen_fds = &m->registry_fd;
	c->listens = 1;
	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++) {
		c->workdir = m->workdir;
		c->lifeline_fd = m->lifeline[0];
		c->roster_fd = m->roster_fd;
	}
}

int
prepare_run(struct master *m)
{
	int status;

	if ((status = make_runtime(m)) != EX_OK ||
	    (status = lock_runtime(m)) != EX_OK ||
	    (status = bind_listeners(m)) != EX_OK ||
	    (status = open_events(m)) != EX_OK)
		return status;
	if (pidfile_write(m->pidfile) == -1)
		return complain(EX_OSERR, "cannot write %s/kvd.pid: %s",
		    m->config->runtime, strerror(errno));
	connect_children(m);
	return EX_OK;
}

void
prepare_undo(struct master *m)
{
	struct config_listen *l = TAILQ_FIRST(&m->config->listens);
	size_t i;

	for (i = 0; i < m->children[ACCEPTOR].listens; i++) {
		(void)close(m->listen_fds[i]);
		if (m->inherits)
			continue;
		listener_unlink(l);
		l = TAILQ_NEXT(l, entry);
	}
	free(m->listen_fds);
	if (m->registry_fd != -1) {
		listener_unlink_registry(m->workdir);
		(void)close(m->registry_fd);
	}
	if (m->roster != NULL)
		roster_close(m->roster);
	if (m->roster_fd != -1)
		(void)close(m->roster_fd);
	if (m->pidfile != NULL)
		(void)pidfile_remove(m->pidfile);
}
