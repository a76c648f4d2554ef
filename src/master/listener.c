/*
 * listener: binding sockets.  Runs in the master.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "master/listener.h"

/* As long as the kernel allows (net.core.somaxconn): the backlog is where
 * clients wait while a child is restarted. */
#define BACKLOG 65535
/* How long a killed kvd's acceptor may take to let go of an address. */
#define BIND_WAIT_MS 1000
#define BIND_POLL_NS 20000000

static int
listen_error(char *error, const char *what)
{
	snprintf(error, CONFIG_ERROR_SIZE, "cannot listen on %s: %s", what,
	    strerror(errno));
	return -1;
}

/*
 * Accepted sockets inherit these: no system call per client.  Telnet marks a
 * byte as urgent (RFC 854, Synch): it is to stay where it is in the stream.
 */
int
listener_set_options(int fd, int family)
{
	static const int on = 1;

	if (family == AF_UNIX)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == -1)
		return -1;
	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* What has to be set before a socket is bound. */
static int
set_bind_options(int fd, int family)
{
	static const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -1;
	if (family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	return 0;
}

/* Removes the socket of a kvd that was killed. */
static int
remove_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, rc;

	if (lstat(sun->sun_path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	(void)close(fd);
	if (rc == 0 || errno != ECONNREFUSED) {
		errno = EADDRINUSE;
		return -1;
	}
	return unlink(sun->sun_path);
}

static int
bind_and_listen(int fd, const struct sockaddr_storage *addr, socklen_t size)
{
	if (addr->ss_family == AF_UNIX) {
		if (remove_stale((const void *)addr) == -1)
			return -1;
	} else if (set_bind_options(fd, addr->ss_family) == -1)
		return -1;
	if (listener_set_options(fd, addr->ss_family) == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)addr, size) == -1)
		return -1;
	return listen(fd, BACKLOG);
}

int
listener_open(const struct config_listen *l, char *error)
{
	static const struct timespec pause = { .tv_nsec = BIND_POLL_NS };
	int64_t deadline_ms = clock_ms() + BIND_WAIT_MS;
	int fd, rc, saved;

	fd = socket(l->addr.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return listen_error(error, l->text);
	while ((rc = bind_and_listen(fd, &l->addr, l->addr_size)) == -1 &&
	    errno == EADDRINUSE && clock_ms() < deadline_ms)
		(void)nanosleep(&pause, NULL);
	if (rc == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return listen_error(error, l->text);
}

static int
registry_listen(struct config_listen *l, const char *dir)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)(void *)&l->addr;
	int n;

	memset(l, 0, sizeof(*l));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/registry.sock",
	    dir);
	if (n >= (int)sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	l->addr_size = sizeof(*sun);
	(void)strlcpy(l->text, sun->sun_path, sizeof(l->text));
	return 0;
}

int
listener_open_registry(const char *dir, char *error)
{
	struct config_listen l;
	mode_t mask;
	int fd;

	if (registry_listen(&l, dir) == -1)
		return listen_error(error, dir);
	/* The runtime directory is locked: whoever listens there is the dying
	 * registry of a killed kvd. */
	listener_unlink(&l);
	mask = umask(0177);
	fd = listener_open(&l, error);
	(void)umask(mask);
	return fd;
}

void
listener_unlink(const struct config_listen *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;

	if (l->addr.ss_family == AF_UNIX)
		(void)unlink(sun->sun_path);
}

void
listener_unlink_registry(const char *dir)
{
	struct config_listen l;

	if (registry_listen(&l, dir) == 0)
		listener_unlink(&l);
}

/* An abstract one begins with a NUL byte, and is written with an '@'. */
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
