/*
 * prepare: from a configuration to a master that can start its children.
 *
 * A path is not the object: the runtime directory is locked by its own
 * descriptor, helpers are executed by theirs, and nothing is removed by a name
 * that leads to something else by now.
 */

#include <sys/file.h>
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
#include "common/directory.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "master/adopt.h"
#include "master/limits.h"
#include "master/prepare.h"

#define RUNTIME_MODE 0755
#define WORKDIR_MODE 0700
#define PIDFILE_MODE 0644

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
	.stage = STAGE_REGISTRY,
	.start_ms = 60000,
	.abort_ms = 5000,
};

static const struct child_spec acceptor_spec = {
	.name = "acceptor",
	.stage = STAGE_ACCEPTORS,
	.start_ms = 30000,
	.abort_ms = 5000,
	.expendable = true,
};

/* access(2) says that of a directory, too. */
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
	int fd = -1;

	if (snprintf(path, PREPARE_PATH_SIZE, "%s/kvd-%s", libexec, name) >=
	    PREPARE_PATH_SIZE)
		errno = ENAMETOOLONG;
	else if (is_executable(path))
		fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		snprintf(error, CONFIG_ERROR_SIZE,
		    "cannot execute %s: %s; set libexec to the directory of "
		    "kvd's helpers",
		    path, strerror(errno));
	return fd;
}

static void
init_child(struct master *m, struct child *c, const struct child_spec *spec)
{
	c->spec = spec;
	c->lifeline_fd = c->scoreboard_fd = c->channel_fd = -1;
	c->program_fd = m->program_fds[spec->stage];
	c->configure_at_ms = CLOCK_NEVER;
	policy_init(&c->policy);
	heartbeat_stop(&c->heartbeat);
}

int
prepare_children(struct master *m)
{
	static const struct child_spec *const specs[STAGES] = {
		[STAGE_REGISTRY] = &registry_spec,
		[STAGE_ACCEPTORS] = &acceptor_spec,
	};
	char path[PREPARE_PATH_SIZE], error[CONFIG_ERROR_SIZE];
	int i;

	for (i = 0; i < STAGES; i++) {
		m->program_fds[i] = prepare_program(m->config->libexec,
		    specs[i]->name, path, error);
		if (m->program_fds[i] == -1)
			return complain(EX_CONFIG, "%s", error);
	}
	for (i = 0; i < CHILDREN; i++)
		init_child(m, &m->children[i],
		    i == REGISTRY ? &registry_spec : &acceptor_spec);
	return EX_OK;
}

int
prepare_workdir(const struct config *config, char *path)
{
	return snprintf(path, PREPARE_PATH_SIZE, "%s/worker", config->runtime) <
		PREPARE_PATH_SIZE ?
	    0 :
	    -1;
}

/* Returns a descriptor, or -1 having logged why. */
static int
open_directory(const char *what, const char *path, int mode)
{
	char error[CONFIG_ERROR_SIZE];
	int fd = directory_open(path, mode, error, sizeof(error));

	if (fd == -1)
		log_warnx("%s: %s", what, error);
	return fd;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static int
make_workdir(struct master *m)
{
	int fd = open_directory("runtime", m->workdir, WORKDIR_MODE);

	if (fd == -1)
		return -1;
	close_fd(&m->workdir_fd);
	m->workdir_fd = fd;
	return 0;
}

/* Shorter than workdir, which did fit. */
static void
pidfile_path(const struct master *m, char path[PREPARE_PATH_SIZE])
{
	snprintf(path, PREPARE_PATH_SIZE, "%s/kvd.pid", m->config->runtime);
}

static int
refuse_locked(const struct master *m, pid_t other)
{
	char path[PREPARE_PATH_SIZE], pid[32];
	FILE *file = NULL;

	pidfile_path(m, path);
	if (other > 0)
		snprintf(pid, sizeof(pid), "%ld", (long)other);
	else if ((file = fopen(path, "re")) == NULL ||
	    fscanf(file, "%31[0-9]", pid) != 1)
		(void)strlcpy(pid, "unknown", sizeof(pid));
	if (file != NULL)
		(void)fclose(file);
	return complain(EX_UNAVAILABLE, "kvd is already running in %s, pid %s",
	    m->config->runtime, pid);
}

/* The directory cannot be swept away from under its lock, as a file can. */
static int
lock_runtime(struct master *m)
{
	if (prepare_workdir(m->config, m->workdir) == -1 ||
	    !listener_registry_fits(m->workdir))
		return complain(EX_CONFIG,
		    "runtime: %s is too long for the path of a Unix socket "
		    "in it",
		    m->config->runtime);
	m->runtime_fd =
	    open_directory("runtime", m->config->runtime, RUNTIME_MODE);
	if (m->runtime_fd == -1)
		return EX_CONFIG;
	if (flock(m->runtime_fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ?
		    refuse_locked(m, 0) :
		    complain(EX_OSERR, "cannot lock %s: %s", m->config->runtime,
			strerror(errno));
	return make_workdir(m) == -1 ? EX_CONFIG : EX_OK;
}

/* For those who want to know whom to signal. */
static int
open_pidfile(struct master *m)
{
	char path[PREPARE_PATH_SIZE];
	pid_t other = -1;
	struct stat st;

	pidfile_path(m, path);
	/* It would be followed, and what it leads to be cut short. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return complain(EX_CONFIG, "%s is not a file: remove it", path);
	m->pidfile = pidfile_open(path, PIDFILE_MODE, &other);
	if (m->pidfile != NULL)
		return EX_OK;
	/* An older kvd locks nothing but this. */
	if (errno == EEXIST)
		return refuse_locked(m, other);
	return complain(EX_CONFIG, "cannot create %s: %s", path,
	    strerror(errno));
}

static int
write_pidfile(struct master *m)
{
	if (pidfile_write(m->pidfile) == 0)
		return EX_OK;
	return complain(EX_OSERR, "cannot write %s/kvd.pid: %s",
	    m->config->runtime, strerror(errno));
}

static bool
has_pidfile(const struct master *m)
{
	char path[PREPARE_PATH_SIZE];
	struct stat file, name;

	pidfile_path(m, path);
	return m->pidfile != NULL &&
	    fstat(pidfile_fileno(m->pidfile), &file) == 0 &&
	    lstat(path, &name) == 0 && file.st_dev == name.st_dev &&
	    file.st_ino == name.st_ino;
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

static int
bind_listeners(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];

	if (listener_open_registry(&m->registry_listener, m->workdir, error) ==
		-1 ||
	    (!m->listeners.adopted &&
		listeners_open(&m->listeners, m->config, error) == -1))
		return complain(EX_UNAVAILABLE, "%s", error);
	return EX_OK;
}

static int
open_events(struct master *m)
{
	sigset_t signals;

	/* Blocked since startup_master(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if ((m->signal_fd =
		    signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) == -1 ||
	    pipe2(m->lifeline, O_CLOEXEC) == -1 ||
	    (m->scoreboard_fd = scoreboard_create()) == -1 ||
	    (m->scoreboard = scoreboard_open(m->scoreboard_fd)) == NULL ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 || adopt_init(m) == -1)
		return complain(EX_OSERR, "cannot start: %s%s", strerror(errno),
		    errno == EFBIG ? ": raise ulimit -f, LimitFSIZE" : "");
	return EX_OK;
}

static void
connect_children(struct master *m)
{
	struct child *c = &m->children[REGISTRY];

	c->listen_fds = &m->registry_listener.fd;
	c->listens = 1;
	c->scoreboard_fd = m->scoreboard_fd;
	for (c = m->children + ACCEPTOR; c < m->children + CHILDREN; c++) {
		c->workdir_fd = &m->workdir_fd;
		c->lifeline_fd = m->lifeline[0];
		c->scoreboard_fd = m->scoreboard_fd;
	}
	prepare_listens(m);
}

int
prepare_run(struct master *m)
{
	int status;

	limits_raise();
	limits_protect();
	if (limits_apply(m->config) == -1)
		return EX_CONFIG;
	if ((status = lock_runtime(m)) != EX_OK ||
	    (status = open_pidfile(m)) != EX_OK ||
	    (status = bind_listeners(m)) != EX_OK ||
	    (status = open_events(m)) != EX_OK ||
	    (status = write_pidfile(m)) != EX_OK)
		return status;
	connect_children(m);
	return EX_OK;
}

static bool
is_same_file(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 &&
	    one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* The directory at the path may be another one by now.  Returns -1 if it
 * cannot be used, or another kvd does. */
static int
repair_directories(struct master *m)
{
	int fd = open_directory("runtime", m->config->runtime, RUNTIME_MODE);

	if (fd == -1)
		return -1;
	if (is_same_file(fd, m->runtime_fd)) {
		(void)close(fd);
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		(void)close(m->runtime_fd);
		m->runtime_fd = fd;
	} else {
		log_warn("cannot lock %s", m->config->runtime);
		(void)close(fd);
		return -1;
	}
	return make_workdir(m);
}

static void
repair_pidfile(struct master *m)
{
	if (has_pidfile(m))
		return;
	if (m->pidfile != NULL)
		(void)pidfile_close(m->pidfile);
	if (open_pidfile(m) == EX_OK && write_pidfile(m) == EX_OK)
		log_warnx("%s/kvd.pid was gone; made again",
		    m->config->runtime);
}

bool
prepare_repair(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	struct listener fresh;

	if (repair_directories(m) == -1)
		return false;
	repair_pidfile(m);
	if (listener_has_name(&m->registry_listener))
		return false;
	if (listener_open_registry(&fresh, m->workdir, error) == -1) {
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
	adopt_clear(m);
	if (m->scoreboard != NULL)
		scoreboard_close(m->scoreboard);
	close_fd(&m->scoreboard_fd);
	if (has_pidfile(m))
		(void)pidfile_remove(m->pidfile);
	else if (m->pidfile != NULL)
		(void)pidfile_close(m->pidfile);
	close_fd(&m->workdir_fd);
	/* Last: the next kvd may begin. */
	close_fd(&m->runtime_fd);
	for (stage = 0; stage < STAGES; stage++)
		close_fd(&m->program_fds[stage]);
}
