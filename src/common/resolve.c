/*
 * resolve: getaddrinfo(3) with a deadline.  Runs in client programs.
 */

#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/resolve.h"

/* Returns how many; 0: addrs[0].error says why there is none. */
static size_t
look_up(const struct target *t, int flags,
    struct resolve_addr addrs[RESOLVE_MAX])
{
	struct addrinfo hints = { .ai_flags = flags | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *ai;
	size_t n = 0;

	memset(&addrs[0], 0, sizeof(addrs[0]));
	addrs[0].error = getaddrinfo(t->host, t->port, &hints, &list);
	if (addrs[0].error != 0)
		return 0;
	for (ai = list; ai != NULL && n < RESOLVE_MAX; ai = ai->ai_next) {
		memset(&addrs[n], 0, sizeof(addrs[n]));
		memcpy(&addrs[n].addr, ai->ai_addr, ai->ai_addrlen);
		addrs[n++].size = ai->ai_addrlen;
	}
	freeaddrinfo(list);
	return n;
}

/* The child: writes what it finds to the pipe. */
__attribute__((noreturn)) static void
run_child(const struct target *t, int fd)
{
	struct resolve_addr addrs[RESOLVE_MAX];
	size_t n;

	n = look_up(t, 0, addrs);
	if (n == 0)
		n = 1;
	(void)!write(fd, addrs, n * sizeof(addrs[0]));
	_exit(0);
}

/* A write of up to PIPE_BUF bytes is atomic, so one read gets all of it. */
_Static_assert(RESOLVE_MAX * sizeof(struct resolve_addr) <= 4096,
    "the addresses fit PIPE_BUF");

static size_t
read_addrs(int fd, int64_t deadline_ms, struct resolve_addr addrs[RESOLVE_MAX])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (io_poll(&pfd, 1, deadline_ms) <= 0)
		return 0;
	do
		n = read(fd, addrs, RESOLVE_MAX * sizeof(addrs[0]));
	while (n == -1 && errno == EINTR);
	return n <= 0 ? 0 : (size_t)n / sizeof(addrs[0]);
}

static size_t
ask_child(const struct target *t, int64_t deadline_ms,
    struct resolve_addr addrs[RESOLVE_MAX])
{
	int fds[2];
	size_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return 0;
	pid = fork();
	if (pid == 0)
		run_child(t, fds[1]);
	(void)close(fds[1]);
	n = pid == -1 ? 0 : read_addrs(fds[0], deadline_ms, addrs);
	(void)close(fds[0]);
	if (pid != -1) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	return n;
}

static size_t
resolve_path(const char *path, struct resolve_addr *to)
{
	struct sockaddr_un *addr = (void *)&to->addr;

	memset(to, 0, sizeof(*to));
	addr->sun_family = AF_UNIX;
	/* The target has made sure that it fits. */
	memcpy(addr->sun_path, path, strlen(path) + 1);
	to->size = sizeof(*addr);
	return 1;
}

size_t
resolve(const struct target *t, int64_t deadline_ms,
    struct resolve_addr addrs[RESOLVE_MAX], char *error)
{
	size_t n;

	if (t->path != NULL)
		return resolve_path(t->path, &addrs[0]);
	n = look_up(t, AI_NUMERICHOST, addrs);
	if (n > 0)
		return n;
	n = ask_child(t, deadline_ms, addrs);
	if (n > 0 && addrs[0].size > 0)
		return n;
	snprintf(error, RESOLVE_ERROR_SIZE, "%.80s: %s", t->host,
	    n > 0 ? gai_strerror(addrs[0].error) :
		    "the address was not found in time");
	return 0;
}
