/*
 * runtime: the directory of which only one kvd at a time may be the owner.
 * Runs in the master.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libutil.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/directory.h"
#include "common/exit.h"
#include "common/log.h"
#include "master/runtime.h"

#define RUNTIME_MODE 0755
/* With users of their own, workers may enter the directory, and connect to the
 * socket in it, as members of their group, and can change neither. */
#define WORKDIR_MODE 0700
#define WORKDIR_MODE_SHARED 0710
#define PIDFILE_MODE 0644

int
runtime_workdir(const struct config *config, char *path)
{
	return snprintf(path, STATE_PATH_SIZE, "%s/worker", config->runtime) <
		STATE_PATH_SIZE ?
	    0 :
	    -1;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

/* Returns a descriptor, or -1 with errno having logged why. */
static int
open_directory(struct master *m, const char *path, int mode)
{
	char error[CONFIG_ERROR_SIZE];
	int fd = directory_open(path, mode, error, sizeof(error)), saved;
	unsigned long skipped;

	if (fd != -1)
		return fd;
	saved = errno;
	/* A child that waits for its start tries again and again. */
	if (log_limit_allows(&m->directories, clock_ms(), &skipped)) {
		log_warnx("runtime: %s", error);
		log_suppressed(skipped);
	}
	errno = saved;
	return -1;
}

/* Who may enter, whatever an earlier kvd has set. */
static int
set_workdir_access(const struct master *m, int fd)
{
	const struct privileges *p = &m->params.privileges;

	if (geteuid() != 0 ||
	    (fchown(fd, 0, p->switches ? p->user.gid : getegid()) == 0 &&
		fchmod(fd, p->switches ? WORKDIR_MODE_SHARED : WORKDIR_MODE) ==
		    0))
		return 0;
	log_warn("cannot set the owner and the mode of %s", m->workdir);
	return -1;
}

static int
make_workdir(struct master *m)
{
	int fd = open_directory(m, m->workdir, WORKDIR_MODE);

	if (fd == -1)
		return -1;
	if (set_workdir_access(m, fd) == -1) {
		(void)close(fd);
		return -1;
	}
	close_fd(&m->workdir_fd);
	m->workdir_fd = fd;
	return 0;
}

/* It fits: it is shorter than the path of registry.sock. */
static void
pidfile_path(const struct master *m, char path[STATE_PATH_SIZE])
{
	snprintf(path, STATE_PATH_SIZE, "%s/kvd.pid", m->config->runtime);
}

/* The number in the pid file, or "unknown".  What has its name may be anything,
 * such as a FIFO that nobody writes to. */
static void
read_pid(const struct master *m, char *pid, size_t size)
{
	char path[STATE_PATH_SIZE], text[32];
	ssize_t n = -1;
	int fd;

	pidfile_path(m, path);
	fd = open(path,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd != -1) {
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
	text[strspn(text, "0123456789")] = '\0';
	(void)strlcpy(pid, text[0] == '\0' ? "unknown" : text, size);
}

/* Another kvd has the lock.  Its pid is `other`, or in the pid file. */
static int
refuse_locked(const struct master *m, pid_t other)
{
	char pid[32];

	if (other > 0)
		snprintf(pid, sizeof(pid), "%ld", (long)other);
	else
		read_pid(m, pid, sizeof(pid));
	log_warnx("kvd is already running in %s, pid %s", m->config->runtime,
	    pid);
	return EX_UNAVAILABLE;
}

/* The directory itself is locked, and not a file in it, which a cleaner of old
 * files might remove. */
static int
lock_directory(struct master *m)
{
	if ((m->runtime_fd =
		    open_directory(m, m->config->runtime, RUNTIME_MODE)) == -1)
		return exit_status_of(errno);
	if (flock(m->runtime_fd, LOCK_EX | LOCK_NB) == 0)
		return EX_OK;
	if (errno == EWOULDBLOCK)
		return refuse_locked(m, 0);
	log_warn("cannot lock %s", m->config->runtime);
	return EX_OSERR;
}

int
runtime_lock(struct master *m)
{
	int status;

	if (runtime_workdir(m->config, m->workdir) == -1 ||
	    !listener_registry_fits(m->workdir)) {
		log_warnx("runtime: %s is too long for the path of a Unix "
			  "socket in it",
		    m->config->runtime);
		return EX_CONFIG;
	}
	if ((status = lock_directory(m)) != EX_OK)
		return status;
	return make_workdir(m) == -1 ? exit_status_of(errno) : EX_OK;
}

int
runtime_open_pidfile(struct master *m)
{
	char path[STATE_PATH_SIZE];
	pid_t other = -1;
	struct stat st;
	int status;

	pidfile_path(m, path);
	/* A symbolic link would be followed, and its target truncated. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		log_warnx("%s is not a file: remove it", path);
		return EX_CONFIG;
	}
	m->pidfile = pidfile_open(path, PIDFILE_MODE, &other);
	if (m->pidfile != NULL)
		return EX_OK;
	/* An older version of kvd locks nothing but this file. */
	if (errno == EEXIST)
		return refuse_locked(m, other);
	status = exit_status_of(errno);
	log_warn("cannot create %s", path);
	return status;
}

int
runtime_write_pidfile(struct master *m)
{
	if (pidfile_write(m->pidfile) == 0)
		return EX_OK;
	log_warn("cannot write %s/kvd.pid", m->config->runtime);
	return EX_OSERR;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Does the name of the pid file still lead to the one that is open? */
static bool
has_pidfile(const struct master *m)
{
	char path[STATE_PATH_SIZE];
	struct stat file, name;

	pidfile_path(m, path);
	return m->pidfile != NULL &&
	    fstat(pidfile_fileno(m->pidfile), &file) == 0 &&
	    lstat(path, &name) == 0 && is_same_file(&file, &name);
}

static bool
is_locked_directory(const struct master *m, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(m->runtime_fd, &b) == 0 &&
	    is_same_file(&a, &b);
}

/* If there is another directory at the path by now, locks that one. */
static int
repair_directory(struct master *m)
{
	int fd = open_directory(m, m->config->runtime, RUNTIME_MODE);

	if (fd == -1)
		return -1;
	if (is_locked_directory(m, fd)) {
		(void)close(fd);
		return 0;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		log_warn("cannot lock %s", m->config->runtime);
		(void)close(fd);
		return -1;
	}
	(void)close(m->runtime_fd);
	m->runtime_fd = fd;
	return 0;
}

static void
repair_pidfile(struct master *m)
{
	if (has_pidfile(m))
		return;
	if (m->pidfile != NULL)
		(void)pidfile_close(m->pidfile);
	if (runtime_open_pidfile(m) == EX_OK &&
	    runtime_write_pidfile(m) == EX_OK)
		log_warnx("%s/kvd.pid was gone; made again",
		    m->config->runtime);
}

int
runtime_repair(struct master *m)
{
	if (repair_directory(m) == -1 || make_workdir(m) == -1)
		return -1;
	repair_pidfile(m);
	return 0;
}

void
runtime_unlock(struct master *m)
{
	if (has_pidfile(m))
		(void)pidfile_remove(m->pidfile);
	else if (m->pidfile != NULL)
		(void)pidfile_close(m->pidfile);
	close_fd(&m->workdir_fd);
	/* Last, for now another kvd may start. */
	close_fd(&m->runtime_fd);
}
