/*
 * The log: on standard error in the foreground, and to syslogd in a daemon.
 * Only roles (master, registry, acceptor, worker) log; libraries return errors.
 *
 * Logging never waits for the reader of the log.  Lines that are not taken at
 * once are dropped, and before the next line that is taken, their number is
 * logged.
 */

#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <sys/types.h>

#include <stdbool.h>

/* Where log lines go; may be combined. */
#define LOG_TO_STDERR 0x1
#define LOG_TO_SYSLOG 0x2
/* Standard error leads to systemd's journal, which wants a priority before each
 * line, and notes by itself who has written it (sd-daemon(3)). */
#define LOG_TO_JOURNAL 0x4

/* LOG_TO_STDERR, with LOG_TO_JOURNAL if the environment says so. */
int log_stderr(void);

/* `role` is printed before every line.  It must stay valid for good. */
void log_init(const char *role, int where, bool verbose);
/* Is log_debug() to log? */
void log_set_verbose(bool);
/* Closes the connection to syslogd; the next line opens it again. */
void log_close(void);
/* Is syslogd to get lines, and not connected?  In a process that cannot reach
 * its socket any more, this is for good. */
bool log_lacks_syslogd(void);
/* The role of processes that this one forks from now on.  *pid is the pid of
 * this process, and each fork stores its own there before it logs.  Both must
 * stay valid. */
void log_name_forks(const char *role, const pid_t *pid);

/* Daemon that has started: replaces its standard descriptors by /dev/null, and
 * logs only to syslogd from now on.  Does nothing without LOG_TO_SYSLOG. */
void log_detach(void);

/* log_warn() adds strerror(errno), log_warnx() does not.  log_debug() logs only
 * when verbose. */
void log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));

/* Says how many messages log_limit_allows() has not allowed, if any. */
void log_suppressed(unsigned long skipped);

struct buf;
/* Logs a warning for each line of the text. */
void log_lines(const struct buf *);

/* Log, and exit with `status` (sysexits(3)).  fatal() adds strerror(errno). */
void fatal(int status, const char *, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void fatalx(int status, const char *, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

#endif
