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

#include "common/clock.h"
#include "common/log.h"
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

int
prepare_children(struct master *m)
{
	static const char *const names[CHILDREN] = { "registry", "acceptor" };
	struct child *c;
	int i;

	for (i = 0; i < CHILDREN; i++) {
		c = &m->children[i];
		c->name = names[i];
		c->channel_fd = c->extra_fd = -1;
		c->start_at_ms = c->deadline_ms = CLOCK_NEVER;
		policy_init(&c->policy);
		if (snprintf(c->path, sizeof(c->path), "%s/kvd-%s",
			m->config->libexec, c->name) >= (int)sizeof(c->path))
			errno = ENAMETOOLONG;
		else if (access(c->path, X_OK) == 0)
			continue;
		return complain(EX_CONFIG,
		    "cannot execute %s: %s; set libexec to the directory of "
		    "kvd's helpers",
		    c->path, strerror(errno));
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

static int
bind_listeners(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	struct config_listen *l;
	size_t n = 0;

	m->registry_fd = listener_open_registry(m->workdir, error);
	if (m->registry_fd == -1)
		return complain(EX_UNAVAILABLE, "%s", error);
	TAILQ_FOREACH(l, &m->config->listens, entry)
		n++;
	if ((m->listen_fds = calloc(n, sizeof(int))) == NULL)
		return complain(EX_OSERR, "out of memory");
	TAILQ_FOREACH(l, &m->config->listens, entry) {
		m->listen_fds[m->listens] = listener_open(l, error);
		if (m->listen_fds[m->listens] == -1)
			return complain(EX_UNAVAILABLE, "%s", error);
		m->listens++;
	}
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
	    prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		return complain(EX_OSERR, "cannot start: %s", strerror(errno));
	return EX_OK;
}

static void
describe_children(struct master *m)
{
	struct child *registry = &m->children[REGISTRY];
	struct child *acceptor = &m->children[ACCEPTOR];

	registry->workdir = "/";
	registry->listen_fds = &m->registry_fd;
	registry->listens = 1;
	acceptor->workdir = m->workdir;
	acceptor->extra_fd = m->lifeline[0];
	acceptor->listen_fds = m->listen_fds;
	acceptor->listens = m->listens;
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
	describe_children(m);
	m->children[REGISTRY].start_at_ms = 0;
	return EX_OK;
}

void
prepare_undo(struct master *m)
{
	struct config_listen *l = TAILQ_FIRST(&m->config->listens);
	size_t i;

	for (i = 0; i < m->listens; i++, l = TAILQ_NEXT(l, entry)) {
		listener_unlink(l);
		(void)close(m->listen_fds[i]);
	}
	free(m->listen_fds);
	if (m->registry_fd != -1) {
		listener_unlink_registry(m->workdir);
		(void)close(m->registry_fd);
	}
	if (m->pidfile != NULL)
		(void)pidfile_remove(m->pidfile);
}
