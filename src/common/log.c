/*
 * log: one line, one write(2), so that lines of several processes do not
 * mix.  What comes from outside is made printable first.
 */

/* <vis.h> wants to know whose strnvis(3); none is used. */
#define LIBBSD_OPENBSD_VIS

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <vis.h>

#include "common/log.h"

/* Longest line: PIPE_BUF keeps a write to a pipe in one piece. */
#define LOG_LINE_MAX 1024

/* Set when a process starts, then only read. */
static struct {
	const char *role;
	int where;
	bool verbose;
} log_state = { .role = "kvd", .where = LOG_TO_STDERR };

void
log_init(const char *role, int where, bool verbose)
{
	log_state.role = role;
	log_state.where = where;
	log_state.verbose = verbose;
	if (where & LOG_TO_SYSLOG)
		openlog("kvd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_set_role(const char *role)
{
	log_state.role = role;
}

void
log_detach(void)
{
	int null;

	if ((log_state.where & LOG_TO_SYSLOG) == 0)
		return;
	if ((null = open(_PATH_DEVNULL, O_RDWR | O_CLOEXEC)) == -1) {
		log_warn(_PATH_DEVNULL);
		return;
	}
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
	log_state.where = LOG_TO_SYSLOG;
}

__attribute__((format(printf, 3, 0))) static void
log_line(int priority, int error, const char *format, va_list args)
{
	/* strvis(3) writes at most four characters for one. */
	char text[LOG_LINE_MAX], safe[4 * LOG_LINE_MAX + 1];
	char line[sizeof(safe) + 64];
	int n;

	n = vsnprintf(text, sizeof(text), format, args);
	if (n < 0)
		return;
	if (error != 0) {
		strlcat(text, ": ", sizeof(text));
		strlcat(text, strerror(error), sizeof(text));
	}
	strvis(safe, text, VIS_NL | VIS_CSTYLE | VIS_NOSLASH);
	if (log_state.where & LOG_TO_SYSLOG)
		syslog(priority, "%s: %s", log_state.role, safe);
	if (log_state.where & LOG_TO_STDERR) {
		n = snprintf(line, sizeof(line), "kvd[%ld]: %s: %s\n",
		    (long)getpid(), log_state.role, safe);
		/* Nobody left to tell when this fails. */
		if (write(STDERR_FILENO, line, (size_t)n) == -1)
			return;
	}
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
