/*
 * check: what the configuration needs of the machine.  Runs in `kvd -n`.
 */

#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/directory.h"
#include "master/check.h"
#include "master/child.h"
#include "master/limits.h"
#include "master/listener.h"
#include "master/prepare.h"

/*
 * Whoever checks may be root, and kvd a user of its own: that is whom the data
 * belongs to.  What is not there yet is made by root, or by init.
 */
static uid_t
find_user(const struct config *config)
{
	struct stat st;

	if (geteuid() == 0 && stat(config->data, &st) == 0)
		return st.st_uid;
	return geteuid();
}

static void
check_directory(const char *what, const char *path, uid_t user,
    struct buf *errors)
{
	uid_t own = geteuid();
	char error[CONFIG_ERROR_SIZE];
	struct stat st;
	bool other;

	other = user != own && stat(path, &st) == 0;
	if (other && seteuid(user) == -1)
		return;
	if (directory_check(path, error, sizeof(error)) == -1)
		(void)config_mistake(errors, "%s: %s", what, error);
	if (other && seteuid(own) == -1)
		(void)config_mistake(errors, "seteuid: %s", strerror(errno));
}

static void
check_runtime(const struct config *config, struct buf *errors)
{
	char workdir[PREPARE_PATH_SIZE];

	if (prepare_workdir(config, workdir) == -1 ||
	    !listener_registry_fits(workdir))
		(void)config_mistake(errors,
		    "runtime: %s is too long for the path of a Unix socket "
		    "in it",
		    config->runtime);
}

/* The directory that the path of a Unix socket is in. */
static void
check_socket_directory(const struct config_listen *l, const char *path,
    struct buf *errors)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat st;
	char *slash;

	(void)strlcpy(dir, path, sizeof(dir));
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	if (access(dir, W_OK | X_OK) == -1)
		(void)config_mistake(errors, "listen on %s: %s: %s", l->text,
		    dir, strerror(errno));
	else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		(void)config_mistake(errors,
		    "listen on %s: there is something else at this path",
		    l->text);
}

static void
check_listens(const struct config *config, struct buf *errors)
{
	const struct sockaddr_un *sun;
	const struct config_listen *l;

	TAILQ_FOREACH(l, &config->listens, entry) {
		sun = (const void *)&l->addr;
		if (sun->sun_family == AF_UNIX)
			check_socket_directory(l, sun->sun_path, errors);
		if (l->group[0] != '\0' && getgrnam(l->group) == NULL &&
		    strspn(l->group, "0123456789") != strlen(l->group))
			(void)config_mistake(errors,
			    "listen on %s: no group \"%s\"", l->text, l->group);
	}
}

static void
check_programs(const struct config *config, struct buf *errors)
{
	static const char *const names[] = { "registry", "acceptor" };
	char path[PREPARE_PATH_SIZE], error[CONFIG_ERROR_SIZE];
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
	uid_t user = find_user(config);

	check_directory("data", config->data, user, errors);
	check_directory("runtime", config->runtime, user, errors);
	check_runtime(config, errors);
	check_listens(config, errors);
	check_programs(config, errors);
	check_descriptors(config, errors);
	return buf_size(errors) == before ? EX_OK : EX_CONFIG;
}
