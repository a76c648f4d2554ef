/*
 * check: does this machine have what the configuration needs?  Runs in
 * `kvd -n`.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/control.h"
#include "common/directory.h"
#include "master/check.h"
#include "master/child.h"
#include "master/limits.h"
#include "master/listener.h"
#include "master/listeners.h"
#include "master/prepare.h"
#include "master/runtime.h"
#include "master/users.h"

/*
 * Finds the user that kvd is going to be started by.  Root may check a kvd that
 * runs as another user, and that user owns the data directory, unless the
 * configuration names users.  A directory that does not exist yet is made by
 * root, or by init.
 */
static uid_t
find_user(const struct config *config, const struct privileges *p)
{
	bool names_none = strcmp(config->user, CONFIG_USER_SELF) == 0 &&
	    strcmp(config->registry_user, CONFIG_USER_SELF) == 0;
	struct stat st;

	if (geteuid() == 0 && !p->switches && names_none &&
	    stat(config->data, &st) == 0)
		return st.st_uid;
	return geteuid();
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* A directory that exists is checked as the user that kvd is going to run
 * as. */
static void
check_directory(const char *what, const char *path, uid_t user,
    struct buf *errors)
{
	uid_t own = geteuid();
	char error[CONFIG_ERROR_SIZE];
	bool other = user != own && is_there(path);

	if (other && seteuid(user) == -1)
		return;
	if (directory_check(path, error, sizeof(error)) == -1)
		(void)config_mistake(errors, "%s: %s", what, error);
	if (other && seteuid(own) == -1)
		(void)config_mistake(errors, "seteuid: %s", strerror(errno));
}

/* Complains if something of another type has the name of a file that kvd makes
 * or replaces. */
static void
check_file(const char *dir, const char *name, mode_t type, struct buf *errors)
{
	char path[STATE_PATH_SIZE];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) <
		(int)sizeof(path) &&
	    lstat(path, &st) == 0 && (st.st_mode & S_IFMT) != type)
		(void)config_mistake(errors,
		    "%s is not what kvd makes there: remove it", path);
}

static void
check_data(const struct config *config, uid_t user, struct buf *errors)
{
	check_directory("data", config->data, user, errors);
	check_file(config->data, "lock", S_IFREG, errors);
	if (strcmp(config->data, config->runtime) == 0)
		(void)config_mistake(errors,
		    "runtime: %s is also the data directory: use another one",
		    config->runtime);
}

static void
check_control(const struct config *config, struct buf *errors)
{
	struct config_listen listen = { .mode = config->control.mode };
	char error[CONFIG_ERROR_SIZE];
	gid_t gid;

	(void)strlcpy(listen.text, CONTROL_SOCKET, sizeof(listen.text));
	(void)strlcpy(listen.group, config->control.group,
	    sizeof(listen.group));
	if (listener_find_group(&listen, &gid, error) == -1)
		(void)config_mistake(errors, "%s", error);
}

static void
check_runtime(const struct config *config, uid_t user, struct buf *errors)
{
	char workdir[STATE_PATH_SIZE];

	check_directory("runtime", config->runtime, user, errors);
	check_file(config->runtime, "kvd.pid", S_IFREG, errors);
	check_file(config->runtime, CONTROL_SOCKET, S_IFSOCK, errors);
	check_file(config->runtime, "worker", S_IFDIR, errors);
	check_file(config->runtime, "worker/registry.sock", S_IFSOCK, errors);
	if (runtime_workdir(config, workdir) == -1 ||
	    !listener_registry_fits(workdir))
		(void)config_mistake(errors,
		    "runtime: %s is too long for the path of a Unix socket "
		    "in it",
		    config->runtime);
	else if (is_there(workdir))
		check_directory("runtime", workdir, user, errors);
}

/* Checks the directory in which a Unix socket is going to be.  The runtime
 * directory has been checked already, and need not exist yet. */
static void
check_socket_directory(const struct config *config,
    const struct config_listen *l, const char *path, struct buf *errors)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat st;
	char *slash;

	(void)strlcpy(dir, path, sizeof(dir));
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	if (access(dir, W_OK | X_OK) == -1 &&
	    (errno != ENOENT || strcmp(dir, config->runtime) != 0))
		(void)config_mistake(errors, "listen on %s: %s: %s", l->text,
		    dir, strerror(errno));
	else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		(void)config_mistake(errors,
		    "listen on %s: there is a file at this path that is not a "
		    "socket",
		    l->text);
}

/* Returns whether kvd can listen on this address, and appends an error if it
 * has to and cannot.  An address that is in use is fine: the kvd that is to be
 * restarted may be using it. */
static bool
check_address(const struct config_listen *l, struct buf *errors)
{
	int fd = socket(l->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bound = fd != -1 &&
	    (bind(fd, (const struct sockaddr *)&l->addr, l->addr_size) == 0 ||
		errno == EADDRINUSE);

	if (!bound && !(l->optional && listener_is_missing(errno)))
		(void)config_mistake(errors, "cannot listen on %s: %s", l->text,
		    strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return bound || !l->optional;
}

static void
check_listens(const struct config *config, struct buf *errors)
{
	const struct sockaddr_un *sun;
	const struct config_listen *l;
	char error[CONFIG_ERROR_SIZE];
	bool any = false;
	gid_t gid;

	TAILQ_FOREACH(l, &config->listens, entry) {
		sun = (const void *)&l->addr;
		if (sun->sun_family == AF_UNIX)
			check_socket_directory(config, l, sun->sun_path,
			    errors);
		any = sun->sun_family == AF_UNIX || check_address(l, errors) ||
		    any;
		if (listener_find_group(l, &gid, error) == -1)
			(void)config_mistake(errors, "%s", error);
	}
	if (!any)
		(void)config_mistake(errors,
		    "no address is left to listen on: none is available");
}

static void
check_programs(const struct config *config, struct buf *errors)
{
	static const char *const names[] = { "checkpointer", "registry",
		"acceptor" };
	char path[STATE_PATH_SIZE], error[CONFIG_ERROR_SIZE];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = prepare_program(config->libexec, names[i], path, error);
		if (fd == -1)
			(void)config_mistake(errors, "%s", error);
		else
			(void)close(fd);
	}
}

static void
check_descriptors(const struct config *config, struct buf *errors)
{
	int64_t limit, fit = limits_clients(config, &limit);

	if (config->max_clients > fit)
		(void)config_mistake(errors,
		    "max-clients: %" PRId64
		    " is more than the limit of %" PRId64
		    " open files allows, which is %" PRId64,
		    config->max_clients, limit, fit);
}

int
check_configuration(const struct config *config, struct buf *errors)
{
	size_t before = buf_size(errors);
	char error[CONFIG_ERROR_SIZE];
	struct privileges p;
	uid_t user;

	/* Otherwise it is not known whose the directories are to be. */
	if (users_find(config, &p, error) == 0) {
		user = find_user(config, &p);
		check_data(config, p.switches ? p.registry_user.uid : user,
		    errors);
		check_runtime(config, user, errors);
	} else
		(void)config_mistake(errors, "%s", error);
	check_control(config, errors);
	check_listens(config, errors);
	check_programs(config, errors);
	check_descriptors(config, errors);
	return buf_size(errors) == before ? EX_OK : EX_CONFIG;
}

void
check_warn(const struct config *config)
{
	const struct config_listen *l;
	char error[CONFIG_ERROR_SIZE];
	struct privileges p;

	/* That without users all would run as root is not said here: root may
	 * check a kvd that another user is going to start. */
	if (users_find(config, &p, error) == 0 && p.switches)
		users_warn(config, &p);
	TAILQ_FOREACH(l, &config->listens, entry)
		if (!config->insecure && config_is_exposed(&l->addr))
			listeners_warn_of(l->text);
}
