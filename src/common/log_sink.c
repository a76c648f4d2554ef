/*
 * log_sink: standard error and syslogd, without ever waiting for either.
 * Runs in master, registry, acceptor and workers; trusts neither reader.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <paths.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log_sink.h"

/* A line of the log, all of it escaped, and the prefix of syslogd. */
#define DATAGRAM_MAX 4200

/* The connection to syslogd, which processes that are forked use as well. */
static struct {
	int fd; /* -1: not connected */
	int type;
} syslogd = { .fd = -1, .type = SOCK_DGRAM };

/* startup_stderr() has set O_NONBLOCK for pipes and terminals, where the system
 * allowed that.  Where it did not, write(2) may still wait if another process
 * fills the pipe after poll(2). */
bool
log_sink_stderr(const char *line, size_t size)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n;

	n = send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && errno == ENOTSOCK && io_poll(&pfd, 1, 0) == 1)
		n = write(STDERR_FILENO, line, size);
	return n == (ssize_t)size;
}

/* The variable has the device and the inode.  Whoever redirects standard error
 * does not change the variable. */
bool
log_sink_is_journal(const char *journal_stream)
{
	unsigned long long device, inode;
	struct stat st;
	int end = 0;

	return journal_stream != NULL &&
	    sscanf(journal_stream, "%llu:%llu%n", &device, &inode, &end) == 2 &&
	    journal_stream[end] == '\0' && fstat(STDERR_FILENO, &st) == 0 &&
	    st.st_dev == device && st.st_ino == inode;
}

static void
connect_syslogd(int type)
{
	static const struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = _PATH_LOG };
	int saved;

	syslogd.type = type;
	syslogd.fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (syslogd.fd == -1 ||
	    connect(syslogd.fd, (const struct sockaddr *)&sun, sizeof(sun)) ==
		0)
		return;
	saved = errno;
	log_sink_close();
	errno = saved;
}

void
log_sink_open(void)
{
	if (syslogd.fd != -1)
		return;
	connect_syslogd(SOCK_DGRAM);
	/* A few syslogds listen on a stream socket.  syslog(3) tries it,
	 * too. */
	if (syslogd.fd == -1 && errno == EPROTOTYPE)
		connect_syslogd(SOCK_STREAM);
}

void
log_sink_close(void)
{
	if (syslogd.fd != -1)
		(void)close(syslogd.fd);
	syslogd.fd = -1;
}

bool
log_sink_is_closed(void)
{
	return syslogd.fd == -1;
}

/* In a stream, a NUL byte ends each message. */
static bool
send_to_syslogd(const char *line, size_t size)
{
	if (syslogd.fd == -1)
		return false;
	size += syslogd.type == SOCK_STREAM;
	return send(syslogd.fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)size;
}

/*
 * In the format of syslog(3): RFC 3164, with the local time.  Not with
 * strftime(3), which looks at the file of the time zone each time, nor with
 * time(2), which may be another system call than the clock's (common/sandbox.h).
 */
bool
log_sink_syslog(int priority, pid_t pid, const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char line[DATAGRAM_MAX];
	struct timespec now;
	struct tm tm;
	int n;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    localtime_r(&now.tv_sec, &tm) == NULL)
		return false;
	n = snprintf(line, sizeof(line),
	    "<%d>%.3s %2d %02d:%02d:%02d kvd[%ld]: %s", LOG_DAEMON | priority,
	    months + (ptrdiff_t)3 * tm.tm_mon, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (long)pid, text);
	if (n < 0 || n >= (int)sizeof(line))
		return false;
	log_sink_open();
	if (send_to_syslogd(line, (size_t)n))
		return true;
	if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	/* syslogd may have been restarted: connect again. */
	log_sink_close();
	log_sink_open();
	return send_to_syslogd(line, (size_t)n);
}
