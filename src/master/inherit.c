/*
 * inherit: sockets that the process which started kvd has passed to it.  Runs
 * in the master, which checks what it is given.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/inherit.h"

/* sd-daemon(3): SD_LISTEN_FDS_START. */
#define FIRST_FD 3

/* Removes a variable from the environment and returns its number: 0 if there is
 * no such variable, -1 if it is not a number from 0 to `max`. */
static int
take_number(const char *name, int max)
{
	const char *value = getenv(name), *error = NULL;
	int number = 0;

	if (value != NULL)
		number = (int)strtonum(value, 0, max, &error);
	(void)unsetenv(name);
	return error == NULL ? number : -1;
}

static int
get_option(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &size) == -1)
		return -1;
	return value;
}

/* Prepares an inherited socket.  Returns NULL, or why it is refused. */
static const char *
refuse(int fd)
{
	int domain, flags;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return strerror(errno);
	domain = get_option(fd, SO_DOMAIN);
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
		return "not an internet or Unix socket";
	if (get_option(fd, SO_TYPE) != SOCK_STREAM)
		return "not a stream socket";
	if (get_option(fd, SO_ACCEPTCONN) != 1)
		return "not listening";
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return strerror(errno);
	return NULL;
}

int
inherit_listeners(int *fds, char *error)
{
	int pid = take_number("LISTEN_PID", INT32_MAX);
	int count = take_number("LISTEN_FDS", INHERIT_MAX), i;
	const char *why = NULL;

	(void)unsetenv("LISTEN_FDNAMES");
	if (pid != getpid() || count == 0)
		return 0;
	if (count == -1) {
		snprintf(error, CONFIG_ERROR_SIZE,
		    "LISTEN_FDS is not a number from 0 to %d", INHERIT_MAX);
		return -1;
	}
	for (i = 0; i < count && why == NULL; i++) {
		fds[i] = FIRST_FD + i;
		why = refuse(FIRST_FD + i);
	}
	if (why == NULL)
		return count;
	snprintf(error, CONFIG_ERROR_SIZE, "inherited descriptor %d: %s",
	    FIRST_FD + i - 1, why);
	return -1;
}
