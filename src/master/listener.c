/*
 * listener: binds one socket.  Runs in the master.  It may wait for an address
 * that is in use, but only while kvd starts.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "master/listener.h"
#include "master/tcp_options.h"

/* Clients wait in the backlog while a child is restarted, so it is as long as
 * the kernel allows (net.core.somaxconn). */
#define BACKLOG 65535
/* How long the acceptor of a kvd that was killed may take to close its sockets,
 * and how often kvd tries to bind them. */
#define BIND_WAIT_MS 1000
#define BIND_POLL_NS 20000000
#define REGISTRY_SOCKET "registry.sock"
/* The largest gid; the next one means "no change" to chown(2). */
#define GROUP_MAX (UINT32_MAX - 1)

static int
listen_error(char *error, const char *what)
{
	snprintf(error, CONFIG_ERROR_SIZE, "cannot listen on %s: %s", what,
	    strerror(errno));
	return -1;
}

static int
set_options(const struct listener *l, const struct config *config)
{
	return l->listen.addr.ss_family == AF_UNIX ?
	    0 :
	    tcp_options_set(l->fd, config);
}

static const struct sockaddr_un *
unix_address(const struct config_listen *l)
{
	return (const void *)&l->addr;
}

/* Does anybody listen on this Unix socket?  Does not wait if the backlog is
 * full. */
static bool
is_answered(const struct sockaddr_un *sun)
{
	int fd, rc;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return true;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	rc = rc == -1 && errno == ECONNREFUSED ? -1 : 0;
	(void)close(fd);
	return rc == 0;
}

/* Removes the socket of a kvd that was killed. */
static int
remove_stale(const struct sockaddr_un *sun)
{
	struct stat st;

	if (lstat(sun->sun_path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	if (is_answered(sun)) {
		errno = EADDRINUSE;
		return -1;
	}
	return unlink(sun->sun_path);
}

/* A number is not looked up: that might ask a server and wait for it. */
int
listener_find_group(const struct config_listen *l, gid_t *gid, char *error)
{
	const struct group *group;
	const char *why;

	*gid = (gid_t)-1;
	if (l->group[0] == '\0')
		return 0;
	*gid = (gid_t)strtonum(l->group, 0, GROUP_MAX, &why);
	if (why == NULL)
		return 0;
	if ((group = getgrnam(l->group)) != NULL) {
		*gid = group->gr_gid;
		return 0;
	}
	snprintf(error, CONFIG_ERROR_SIZE,
	    "listen on %s: there is no group \"%s\"", l->text, l->group);
	return -1;
}

/* Sets group and mode of the socket's own file.  Fails with ESTALE if another
 * file has its name by now. */
static int
set_owner(const struct config_listen *l, const struct listener *expected,
    gid_t gid)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct stat st;
	int fd, rc = -1;

	fd = open(unix_address(l)->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	errno = ESTALE;
	if (fstat(fd, &st) == 0 && st.st_dev == expected->device &&
	    st.st_ino == expected->inode &&
	    (gid == (gid_t)-1 ||
		fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH) == 0))
		rc = chmod(path, l->mode);
	(void)close(fd);
	return rc;
}

/* Binds a Unix socket.  Until its group has been set, nobody but the user may
 * connect. */
static int
bind_unix(struct listener *l, gid_t gid)
{
	const struct config_listen *listen = &l->listen;
	mode_t taken = gid == (gid_t)-1 ? 0 : 077, old;
	struct stat st;
	int rc;

	if (remove_stale(unix_address(listen)) == -1)
		return -1;
	old = umask((~listen->mode & 0777) | taken);
	rc = bind(l->fd, (const struct sockaddr *)&listen->addr,
	    listen->addr_size);
	(void)umask(old);
	if (rc == -1 || lstat(unix_address(listen)->sun_path, &st) == -1)
		return -1;
	l->device = st.st_dev;
	l->inode = st.st_ino;
	l->bound = true;
	return gid == (gid_t)-1 ? 0 : set_owner(listen, l, gid);
}

static int
bind_inet(struct listener *l, const struct config *config)
{
	if (tcp_options_before_bind(l->fd, l->listen.addr.ss_family) == -1 ||
	    tcp_options_set(l->fd, config) == -1)
		return -1;
	return bind(l->fd, (const struct sockaddr *)&l->listen.addr,
	    l->listen.addr_size);
}

static int
bind_and_listen(struct listener *l, gid_t gid, const struct config *config)
{
	if (l->listen.addr.ss_family == AF_UNIX) {
		if (bind_unix(l, gid) == -1)
			return -1;
	} else if (bind_inet(l, config) == -1)
		return -1;
	/* Nobody could connect before this. */
	return listen(l->fd, BACKLOG);
}

bool
listener_is_missing(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL ||
	    error == EPROTONOSUPPORT;
}

static int
try_to_open(struct listener *l, gid_t gid, const struct config *config,
    bool wait)
{
	static const struct timespec pause = { .tv_nsec = BIND_POLL_NS };
	int64_t deadline_ms = clock_ms() + (wait ? BIND_WAIT_MS : 0);
	int rc;

	l->fd = socket(l->listen.addr.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd == -1)
		return -1;
	while ((rc = bind_and_listen(l, gid, config)) == -1 &&
	    errno == EADDRINUSE && clock_ms() < deadline_ms)
		(void)nanosleep(&pause, NULL);
	return rc;
}

int
listener_open(struct listener *l, const struct config_listen *listen,
    const struct config *config, bool wait, char *error)
{
	int saved;
	gid_t gid;

	*l = (struct listener){ .fd = -1, .listen = *listen };
	if (listener_find_group(listen, &gid, error) == -1)
		return -1;
	if (try_to_open(l, gid, config, wait) == 0) {
		l->bound = true;
		return 0;
	}
	saved = errno;
	listener_close(l);
	errno = saved;
	if (listen->optional && listener_is_missing(saved))
		return 0;
	return listen_error(error, listen->text);
}

int
listener_name_private(struct config_listen *l, const char *dir,
    const char *name, char *error)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)(void *)&l->addr;
	int n;

	memset(l, 0, sizeof(*l));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s", dir, name);
	if (n >= (int)sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return listen_error(error, dir);
	}
	l->addr_size = sizeof(*sun);
	l->mode = 0600;
	(void)strlcpy(l->text, sun->sun_path, sizeof(l->text));
	return 0;
}

bool
listener_registry_fits(const char *dir)
{
	char error[CONFIG_ERROR_SIZE];
	struct config_listen l;

	return listener_name_private(&l, dir, REGISTRY_SOCKET, error) == 0;
}

int
listener_open_private(struct listener *l, const struct config_listen *listen,
    char *error)
{
	l->fd = -1;
	/* We have the lock of the runtime directory.  So if anybody listens
	 * there, it is the registry of a kvd that was killed, which is about to
	 * end. */
	if (unlink(unix_address(listen)->sun_path) == -1 && errno != ENOENT)
		return listen_error(error, listen->text);
	return listener_open(l, listen, NULL, false, error);
}

int
listener_open_registry(struct listener *l, const char *dir, gid_t group,
    char *error)
{
	struct config_listen listen;

	l->fd = -1;
	if (listener_name_private(&listen, dir, REGISTRY_SOCKET, error) == -1)
		return -1;
	if (group != (gid_t)-1) {
		listen.mode = 0660;
		snprintf(listen.group, sizeof(listen.group), "%lu",
		    (unsigned long)group);
	}
	return listener_open_private(l, &listen, error);
}

int
listener_adopt(struct listener *l, int fd, const struct config *config,
    char *error)
{
	socklen_t size = sizeof(l->listen.addr);

	*l = (struct listener){ .fd = fd };
	listener_name(fd, l->listen.text);
	if (getsockname(fd, (struct sockaddr *)&l->listen.addr, &size) == -1 ||
	    set_options(l, config) == -1)
		return listen_error(error, l->listen.text);
	return 0;
}

int
listener_change(struct listener *l, const struct config_listen *listen,
    const struct config *config, char *error)
{
	bool had_group = l->listen.group[0] != '\0';
	gid_t gid;

	if (l->fd == -1)
		return 0;
	l->listen = *listen;
	if (set_options(l, config) == -1)
		return listen_error(error, l->listen.text);
	if (l->listen.addr.ss_family != AF_UNIX || !l->bound)
		return 0;
	if (listener_find_group(listen, &gid, error) == -1)
		return -1;
	/* Without a group, it gets back the one that it would have had. */
	if (gid == (gid_t)-1 && had_group)
		gid = getegid();
	if (set_owner(listen, l, gid) == -1)
		return listen_error(error, listen->text);
	return 0;
}

/* Does this path lead to the file of the Unix socket?  Paths that are written
 * differently may.  If that cannot be determined, returns `otherwise`. */
static bool
is_named(const struct listener *l, const char *path, bool otherwise)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return st.st_dev == l->device && st.st_ino == l->inode;
	return errno != ENOENT && errno != ENOTDIR && otherwise;
}

bool
listener_has_name(const struct listener *l)
{
	if (l->fd == -1 || !l->bound || l->listen.addr.ss_family != AF_UNIX)
		return true;
	return is_named(l, unix_address(&l->listen)->sun_path, true);
}

bool
listener_is_at(const struct listener *l, const struct config_listen *listen)
{
	if (l->fd == -1)
		return false;
	if (l->bound && l->listen.addr.ss_family == AF_UNIX &&
	    listen->addr.ss_family == AF_UNIX)
		return is_named(l, unix_address(listen)->sun_path,
		    config_same_address(&l->listen, listen));
	return config_same_address(&l->listen, listen);
}

/* On Linux this ends a socket's listening, and it stays bound.  SO_REUSEADDR lets
 * another socket be bound to the port of one that does not listen. */
void
listener_pause(const struct listener *l)
{
	(void)shutdown(l->fd, SHUT_RD);
}

int
listener_resume(const struct listener *l, char *error)
{
	return listen(l->fd, BACKLOG) == 0 ?
	    0 :
	    listen_error(error, l->listen.text);
}

void
listener_close(struct listener *l)
{
	if (l->fd == -1)
		return;
	/* Before close(2): while the socket is open, no other file can have its
	 * inode. */
	if (l->bound && l->listen.addr.ss_family == AF_UNIX &&
	    is_named(l, unix_address(&l->listen)->sun_path, false))
		(void)unlink(unix_address(&l->listen)->sun_path);
	(void)close(l->fd);
	l->fd = -1;
}

/* An abstract name begins with a NUL byte, which is printed as '@'. */
static void
name_unix(const struct sockaddr_un *sun, char *name)
{
	bool abstract = sun->sun_path[0] == '\0';

	snprintf(name, LISTENER_NAME_SIZE, "%s%.*s", abstract ? "@" : "",
	    (int)sizeof(sun->sun_path) - abstract, sun->sun_path + abstract);
}

void
listener_name(int fd, char *name)
{
	struct sockaddr_storage addr;
	const struct sockaddr_un *sun = (const void *)&addr;
	socklen_t size = sizeof(addr);
	char host[64], port[16];

	memset(&addr, 0, sizeof(addr));
	(void)strlcpy(name, "unknown address", LISTENER_NAME_SIZE);
	if (getsockname(fd, (struct sockaddr *)&addr, &size) == -1)
		return;
	if (addr.ss_family == AF_UNIX)
		name_unix(sun, name);
	else if (getnameinfo((struct sockaddr *)&addr, size, host, sizeof(host),
		     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(name, LISTENER_NAME_SIZE, "%s port %s", host, port);
}
