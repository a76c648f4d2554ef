/*
 * prepare: opens, binds and makes what the master needs.  Runs in the master.
 */

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "area/area.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "master/adopt.h"
#include "master/confine_children.h"
#include "master/control_socket.h"
#include "master/limits.h"
#include "master/prepare.h"
#include "master/runtime.h"
#include "master/users.h"

/* The checkpointer may make a store, or upgrade one.  It answers no ping while
 * it waits for a slow disk. */
static const struct child_spec checkpointer_spec = {
	.name = "checkpointer",
	.stage = STAGE_CHECKPOINTER,
	.start_ms = 60000,
	.abort_ms = 5000,
	.patience = 4,
};

/* A registry reads the log, which has a bounded size, and may have to wait for
 * the store's lock. */
static const struct child_spec registry_spec = {
	.name = "registry",
	.stage = STAGE_REGISTRY,
	.start_ms = 60000,
	.abort_ms = 5000,
	.patience = 1,
};

static const struct child_spec acceptor_spec = {
	.name = "acceptor",
	.stage = STAGE_ACCEPTORS,
	.start_ms = 30000,
	.abort_ms = 5000,
	.expendable = true,
	.patience = 1,
};

/* access(2) alone would allow a directory. */
static bool
is_executable(const char *path)
{
	struct stat st;

	if (access(path, X_OK) == -1 || stat(path, &st) == -1)
		return false;
	errno = EACCES;
	return S_ISREG(st.st_mode);
}

int
prepare_program(const char *libexec, const char *name, char *path, char *error)
{
	int fd = -1, saved;

	if (snprintf(path, STATE_PATH_SIZE, "%s/kvd-%s", libexec, name) >=
	    STATE_PATH_SIZE)
		errno = ENAMETOOLONG;
	else if (is_executable(path))
		fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1) {
		saved = errno;
		snprintf(error, CONFIG_ERROR_SIZE,
		    exit_status_of(saved) == EX_CONFIG ?
			"cannot execute %s: %s; set libexec to the directory "
			"of kvd's helpers" :
			"cannot execute %s: %s",
		    path, strerror(saved));
		errno = saved;
	}
	return fd;
}

static void
init_child(struct master *m, struct child *c, const struct child_spec *spec)
{
	c->spec = spec;
	c->lifeline_fd = c->scoreboard_fd = c->checkpoint_fd = -1;
	c->channel_fd = -1;
	c->program_fd = m->program_fds[spec->stage];
	c->configure_at_ms = CLOCK_NEVER;
	policy_init(&c->policy);
	heartbeat_stop(&c->heartbeat);
}

int
prepare_users(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	int status;

	if (users_find(m->config, &m->params.privileges, error) == 0)
		return EX_OK;
	status = exit_status_of(errno);
	log_warnx("%s", error);
	return status;
}

int
prepare_children(struct master *m)
{
	static const struct child_spec *const specs[STAGES] = {
		[STAGE_CHECKPOINTER] = &checkpointer_spec,
		[STAGE_REGISTRY] = &registry_spec,
		[STAGE_ACCEPTORS] = &acceptor_spec,
	};
	char path[STATE_PATH_SIZE], error[CONFIG_ERROR_SIZE];
	int i, status;

	for (i = 0; i < STAGES; i++) {
		m->program_fds[i] = prepare_program(m->config->libexec,
		    specs[i]->name, path, error);
		if (m->program_fds[i] == -1) {
			status = exit_status_of(errno);
			log_warnx("%s", error);
			return status;
		}
	}
	init_child(m, &m->children[CHECKPOINTER], &checkpointer_spec);
	init_child(m, &m->children[REGISTRY], &registry_spec);
	for (i = ACCEPTOR; i < CHILDREN; i++)
		init_child(m, &m->children[i], &acceptor_spec);
	return EX_OK;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
prepare_listens(struct master *m)
{
	struct child *c;

	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++) {
		c->listen_fds = m->listeners.fds;
		c->listens = m->listeners.count;
	}
}

void
prepare_epoch(struct master *m, int fd)
{
	const int fds[IO_FDS_MAX] = { m->cache.read_fd, m->cache.hot_fd, fd };
	struct child *c;

	close_fd(&m->epoch_fd);
	m->epoch_fd = fd;
	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++) {
		memcpy(c->cache_fds, fds, sizeof(fds));
		c->n_cache_fds =
		    fd != -1 && m->cache.read_fd != -1 ? IO_FDS_MAX : 0;
	}
}

static int
open_registry_socket(const struct master *m, struct listener *l, char *error)
{
	const struct privileges *p = &m->params.privileges;

	return listener_open_registry(l, m->workdir,
	    p->switches ? p->user.gid : (gid_t)-1, error);
}

static int
bind_listeners(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];

	if (open_registry_socket(m, &m->registry_listener, error) == 0 &&
	    control_socket_open(m, error) == 0 &&
	    (m->listeners.adopted ||
		listeners_open(&m->listeners, m->config, error) == 0))
		return EX_OK;
	log_warnx("%s", error);
	return EX_UNAVAILABLE;
}

/* Without it kvd works, and each read is a request to the registry. */
static void
make_cache(struct master *m)
{
	m->cache_made = m->config->cache;
	if (m->config->cache >= (int64_t)AREA_SIZE_MIN &&
	    area_memory_make(&m->cache, (size_t)m->config->cache) == -1)
		log_warn("workers cannot read the cache, so that each GET asks "
			 "the registry: cannot share memory");
}

static int
open_events(struct master *m)
{
	sigset_t signals;

	/* startup_master() has blocked these. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	if ((m->signal_fd =
		    signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) == -1 ||
	    pipe2(m->lifeline, O_CLOEXEC) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		m->checkpoint) == -1 ||
	    (m->scoreboard_fd = scoreboard_create()) == -1 ||
	    (m->scoreboard = scoreboard_open(m->scoreboard_fd)) == NULL ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 || adopt_init(m) == -1) {
		log_warnx("cannot start: %s%s", strerror(errno),
		    errno == EFBIG ? ": raise ulimit -f, LimitFSIZE" : "");
		return EX_OSERR;
	}
	return EX_OK;
}

static void
connect_children(struct master *m)
{
	struct child *c = &m->children[REGISTRY];

	m->children[CHECKPOINTER].checkpoint_fd = m->checkpoint[1];
	c->checkpoint_fd = m->checkpoint[0];
	c->listen_fds = &m->registry_listener.fd;
	c->listens = 1;
	c->scoreboard_fd = m->scoreboard_fd;
	if (m->cache.write_fd != -1) {
		c->cache_fds[c->n_cache_fds++] = m->cache.write_fd;
		c->cache_fds[c->n_cache_fds++] = m->cache.hot_fd;
		m->children[CHECKPOINTER].cache_fds[0] = m->cache.read_fd;
		m->children[CHECKPOINTER].n_cache_fds = 1;
	}
	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++) {
		c->workdir_fd = &m->workdir_fd;
		c->lifeline_fd = m->lifeline[0];
		c->scoreboard_fd = m->scoreboard_fd;
	}
	prepare_listens(m);
}

/* The checkpointer makes the directory, unless root has to do it. */
static int
provide_data(const struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	int status;

	if (users_provide_data(m->config, &m->params.privileges, error) == 0)
		return EX_OK;
	status = exit_status_of(errno);
	log_warnx("data: %s", error);
	return status;
}

int
prepare_run(struct master *m)
{
	int status;

	limits_protect();
	if (limits_apply(m->config) == -1)
		return EX_CONFIG;
	if ((status = provide_data(m)) != EX_OK)
		return status;
	if ((status = runtime_lock(m)) != EX_OK ||
	    (status = runtime_open_pidfile(m)) != EX_OK ||
	    (status = bind_listeners(m)) != EX_OK ||
	    (status = open_events(m)) != EX_OK ||
	    (status = runtime_write_pidfile(m)) != EX_OK)
		return status;
	make_cache(m);
	connect_children(m);
	return confine_children(m);
}

bool
prepare_repair(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	struct listener fresh;

	if (runtime_repair(m) == -1)
		return false;
	control_socket_repair(m);
	if (listener_has_name(&m->registry_listener))
		return false;
	if (open_registry_socket(m, &fresh, error) == -1) {
		log_warnx("%s", error);
		return false;
	}
	log_warnx("%s was gone; made again", fresh.listen.text);
	listener_close(&m->registry_listener);
	m->registry_listener = fresh;
	return true;
}

void
prepare_undo(struct master *m)
{
	int stage;

	listeners_close(&m->listeners);
	listener_close(&m->registry_listener);
	control_socket_close(m);
	adopt_clear(m);
	confine_children_clear(m);
	if (m->scoreboard != NULL)
		scoreboard_close(m->scoreboard);
	close_fd(&m->checkpoint[0]);
	close_fd(&m->checkpoint[1]);
	close_fd(&m->scoreboard_fd);
	close_fd(&m->epoch_fd);
	area_memory_close(&m->cache);
	runtime_unlock(m);
	for (stage = 0; stage < STAGES; stage++)
		close_fd(&m->program_fds[stage]);
}
