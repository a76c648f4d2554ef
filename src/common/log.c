/*
 * log: formats lines and makes them printable.  Runs in all processes of kvd.
 * A line is written by one write(2), so that lines of several processes do not
 * mix.  A line that its reader does not take at once is dropped and counted,
 * and the count is logged when lines are taken again.
 */

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <syslog.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/log_sink.h"
#include "common/utf8.h"

#define ESCAPE_SIZE 4 /* \xHH */
/* Even if all of it is escaped, a line with its prefix is not longer than
 * PIPE_BUF: a write(2) to a pipe is atomic. */
#define LOG_LINE_MAX 1000

/* Set when a process starts, and then only read, but for the counts. */
static struct {
	const char *role;
	const char *forked; /* the role of all other pids; NULL: the same */
	pid_t pid; /* if there is a `forked`: of the process that forks, */
	const pid_t *current; /* and of the process that logs */
	int where;
	bool verbose;
	unsigned long lost_stderr, lost_syslog; /* lines not yet reported */
} log_state = { .role = "kvd", .where = LOG_TO_STDERR };

void
log_init(const char *role, int where, bool verbose)
{
	log_state.role = role;
	log_state.where = where;
	log_state.verbose = verbose;
	if (!(where & LOG_TO_SYSLOG))
		return;
	/* syslogd gets the local time, whose rules are in a file that a chroot(2)
	 * or a sandbox hides later. */
	tzset();
	log_sink_open();
}

int
log_stderr(void)
{
	return LOG_TO_STDERR |
	    (log_sink_is_journal(getenv("JOURNAL_STREAM")) ? LOG_TO_JOURNAL :
							     0);
}

void
log_set_verbose(bool verbose)
{
	log_state.verbose = verbose;
}

void
log_close(void)
{
	log_sink_close();
}

bool
log_lacks_syslogd(void)
{
	return (log_state.where & LOG_TO_SYSLOG) != 0 && log_sink_is_closed();
}

void
log_name_forks(const char *role, const pid_t *pid)
{
	log_state.forked = role;
	log_state.pid = *pid;
	log_state.current = pid;
}

/* Not getpid(2) in a worker, which its sandbox does not allow. */
static pid_t
current_pid(void)
{
	return log_state.forked == NULL ? getpid() : *log_state.current;
}

/* Derived from the pid: storing the role in each worker would copy a page for
 * it. */
static const char *
role_of(pid_t pid)
{
	return log_state.forked == NULL || pid == log_state.pid ?
	    log_state.role :
	    log_state.forked;
}

void
log_detach(void)
{
	int null;

	if ((log_state.where & LOG_TO_SYSLOG) == 0)
		return;
	null = open(_PATH_DEVNULL, O_RDWR | O_CLOEXEC);
	/* An acceptor's root does not have it.  But startup_child() has opened
	 * it before. */
	if (null == -1 && errno == ENOENT)
		null = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (null == -1) {
		log_warn("cannot open " _PATH_DEVNULL);
		return;
	}
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
	log_state.where = LOG_TO_SYSLOG;
}

/* `to` must have ESCAPE_SIZE bytes for each byte of the text. */
static void
make_printable(char *to, const char *text)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	size_t n;

	for (; p < end; p += n) {
		n = utf8_printable_size(p, (size_t)(end - p));
		if (n > 0)
			to = mempcpy(to, p, n);
		else {
			snprintf(to, ESCAPE_SIZE + 1, "\\x%02x", *p);
			to += ESCAPE_SIZE;
			n = 1;
		}
	}
	*to = '\0';
}

static bool
write_stderr(int priority, const char *text)
{
	char line[ESCAPE_SIZE * LOG_LINE_MAX + 64];
	pid_t pid = current_pid();
	int n;

	if (log_state.where & LOG_TO_JOURNAL)
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", priority,
		    role_of(pid), text);
	else
		n = snprintf(line, sizeof(line), "kvd[%ld]: %s: %s\n",
		    (long)pid, role_of(pid), text);
	return n < (int)sizeof(line) && log_sink_stderr(line, (size_t)n);
}

static bool
write_syslog(int priority, const char *text)
{
	char line[ESCAPE_SIZE * LOG_LINE_MAX + 32];

	pid_t pid = current_pid();

	snprintf(line, sizeof(line), "%s: %s", role_of(pid), text);
	return log_sink_syslog(priority, pid, line);
}

/* Writes a line, or counts it as lost.  The number of lines that were lost
 * before it is written first. */
static void
write_or_count(bool (*write_line)(int, const char *), unsigned long *lost,
    int priority, const char *text)
{
	char notice[80];

	snprintf(notice, sizeof(notice),
	    "%lu lines lost: the reader of the log did not take them", *lost);
	if (*lost > 0 && write_line(LOG_WARNING, notice))
		*lost = 0;
	if (*lost > 0 || !write_line(priority, text))
		(*lost)++;
}

__attribute__((format(printf, 3, 0))) static void
log_line(int priority, int error, const char *format, va_list args)
{
	char text[LOG_LINE_MAX], safe[ESCAPE_SIZE * LOG_LINE_MAX];
	size_t size;
	int n;

	n = vsnprintf(text, sizeof(text), format, args);
	if (n < 0)
		return;
	size = strlen(text);
	if (error != 0)
		snprintf(text + size, sizeof(text) - size, ": %s",
		    strerror(error));
	make_printable(safe, text);
	if (log_state.where & LOG_TO_SYSLOG)
		write_or_count(write_syslog, &log_state.lost_syslog, priority,
		    safe);
	if (log_state.where & LOG_TO_STDERR)
		write_or_count(write_stderr, &log_state.lost_stderr, priority,
		    safe);
}

void
log_warn(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	log_line(LOG_WARNING, error, format, args);
	va_end(args);
}

void
log_warnx(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_WARNING, 0, format, args);
	va_end(args);
}

void
log_suppressed(unsigned long skipped)
{
	if (skipped > 0)
		log_warnx("%lu similar message%s suppressed", skipped,
		    skipped == 1 ? "" : "s");
}

void
log_lines(const struct buf *lines)
{
	const char *p = (const char *)buf_data(lines), *end, *newline;

	if (buf_failed(lines))
		log_warnx("out of memory");
	/* `p` is NULL then, to which C does not allow to add even 0. */
	if (buf_size(lines) == 0)
		return;
	end = p + buf_size(lines);
	for (; p < end; p = newline + 1) {
		newline = memchr(p, '\n', (size_t)(end - p));
		if (newline == NULL)
			newline = end;
		log_warnx("%.*s", (int)(newline - p), p);
	}
}

void
log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_INFO, 0, format, args);
	va_end(args);
}

void
log_debug(const char *format, ...)
{
	va_list args;

	if (!log_state.verbose)
		return;
	va_start(args, format);
	log_line(LOG_DEBUG, 0, format, args);
	va_end(args);
}

void
fatal(int status, const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	log_line(LOG_CRIT, error, format, args);
	va_end(args);
	exit(status);
}

void
fatalx(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_CRIT, 0, format, args);
	va_end(args);
	exit(status);
}
