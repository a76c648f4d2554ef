/*
 * notify: the protocol of sd_notify(3).  Runs in the master, and trusts the
 * process that started it.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/notify.h"

/* How long until a message that could not be sent is tried again. */
#define RETRY_MS 100
/* How many pings are sent within the time of the watchdog, so that one may be
 * late. */
#define PINGS 3

/* Removes a variable from the environment.  Returns a copy of its value, to be
 * freed by the caller, or NULL. */
static char *
take_variable(const char *name)
{
	const char *value = getenv(name);
	char *copy = value == NULL ? NULL : strdup(value);

	(void)unsetenv(name);
	return copy;
}

/* Parses a path, or an abstract name (unix(7)), which begins with '@'. */
static bool
set_address(struct notify *n, const char *name)
{
	size_t size = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || size < 2 ||
	    size >= sizeof(n->addr.sun_path))
		return false;
	n->addr.sun_family = AF_UNIX;
	memcpy(n->addr.sun_path, name, size);
	if (name[0] == '@')
		n->addr.sun_path[0] = '\0';
	else
		size++;
	n->addr_size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	return true;
}

static void
open_socket(struct notify *n, const char *name)
{
	if (!set_address(n, name)) {
		log_warnx("NOTIFY_SOCKET: \"%s\" is neither a path nor an "
			  "abstract name",
		    name);
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd == -1)
		log_warn("NOTIFY_SOCKET: cannot make a socket");
}

/* If there is a WATCHDOG_PID, only the process with that pid is watched. */
static void
set_watchdog(struct notify *n, const char *usec, const char *pid)
{
	const char *error;
	int64_t us;

	if (pid != NULL && strtonum(pid, 1, INT32_MAX, &error) != getpid())
		return;
	us = strtonum(usec, 1, INT64_MAX, &error);
	if (error != NULL) {
		log_warnx("WATCHDOG_USEC: \"%s\" is not a time: %s", usec,
		    error);
		return;
	}
	n->watchdog_ms = us / 1000 / PINGS;
	if (n->watchdog_ms == 0)
		n->watchdog_ms = 1;
}

void
notify_open(struct notify *n, int ready_fd)
{
	char *name = take_variable("NOTIFY_SOCKET");
	char *usec = take_variable("WATCHDOG_USEC");
	char *pid = take_variable("WATCHDOG_PID");

	memset(n, 0, sizeof(*n));
	n->fd = -1;
	n->ready_fd = ready_fd;
	n->retry_at_ms = CLOCK_NEVER;
	if (name != NULL)
		open_socket(n, name);
	if (n->fd != -1 && usec != NULL)
		set_watchdog(n, usec, pid);
	free(name);
	free(usec);
	free(pid);
}

void
notify_close(struct notify *n)
{
	if (n->fd != -1)
		(void)close(n->fd);
	if (n->ready_fd != -1)
		(void)close(n->ready_fd);
	n->fd = n->ready_fd = -1;
}

/* Returns false if the message should be tried again later. */
static bool
send_now(struct notify *n, const char *lines)
{
	if (sendto(n->fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&n->addr, n->addr_size) != -1) {
		n->complained = false;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return false;
	if (!n->complained)
		log_warn("cannot send the state of kvd to %s",
		    n->addr.sun_path[0] == '\0' ? n->addr.sun_path + 1 :
						  n->addr.sun_path);
	n->complained = true;
	return true;
}

void
notify_send(struct notify *n, const char *lines)
{
	if (n->fd == -1 || (n->pending[0] == '\0' && send_now(n, lines)))
		return;
	/* Keep the order: of two lines that contradict each other, the last
	 * counts.  When the queue is full, drop what is in it. */
	if (strlen(n->pending) + strlen(lines) >= sizeof(n->pending))
		n->pending[0] = '\0';
	(void)strlcat(n->pending, lines, sizeof(n->pending));
	n->retry_at_ms = clock_ms() + RETRY_MS;
}

/* s6 waits for a newline. */
static void
tell_ready_fd(struct notify *n)
{
	/* This does not change the reader's end. */
	(void)fcntl(n->ready_fd, F_SETFL, O_NONBLOCK);
	if (write(n->ready_fd, "\n", 1) == -1)
		log_warn("cannot write to descriptor %d that kvd is ready",
		    n->ready_fd);
	(void)close(n->ready_fd);
	n->ready_fd = -1;
}

void
notify_ready(struct notify *n)
{
	char lines[64];

	snprintf(lines, sizeof(lines), "READY=1\nMAINPID=%ld\n",
	    (long)getpid());
	notify_send(n, lines);
	if (n->ready_fd != -1)
		tell_ready_fd(n);
}

void
notify_reloading(struct notify *n)
{
	struct timespec ts;
	char lines[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(lines, sizeof(lines),
	    "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n",
	    (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	notify_send(n, lines);
}

static void
retry(struct notify *n, int64_t now_ms)
{
	if (send_now(n, n->pending)) {
		n->pending[0] = '\0';
		n->retry_at_ms = CLOCK_NEVER;
	} else
		n->retry_at_ms = now_ms + RETRY_MS;
}

int64_t
notify_tick(struct notify *n, bool well, int64_t now_ms)
{
	if (n->retry_at_ms <= now_ms)
		retry(n, now_ms);
	if (n->watchdog_ms == 0 || !well)
		return n->retry_at_ms;
	/* If a ping was due while kvd was not well, this sends it at once. */
	if (n->ping_at_ms <= now_ms)
		n->ping_at_ms = now_ms +
		    (send_now(n, "WATCHDOG=1\n") ? n->watchdog_ms :
						   (int64_t)RETRY_MS);
	return n->ping_at_ms < n->retry_at_ms ? n->ping_at_ms : n->retry_at_ms;
}
