/*
 * The log: to standard error in the foreground, to syslog(3) as a daemon.
 * Only roles (master, registry, acceptor, worker) use it; libraries return
 * errors.  It never waits for whoever reads the log: lines that are not taken
 * at once are dropped, and their number is the first thing that is logged when
 * lines are taken again.
 */

#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>

/* Where log lines go; may be combined. */
#define LOG_TO_STDERR 0x1
#define LOG_TO_SYSLOG 0x2

/* `role` is printed before every line and is borrowed for good. */
void log_init(const char *role, int where, bool verbose);
/* Closes what log_init() has opened; the next line opens it again. */
void log_close(void);
/* What the processes are that this one forks from now on; borrowed, too. */
void log_name_forks(const char *role);

/* In a daemon that has started: lets go of the terminal.  Does nothing in the
 * foreground (no LOG_TO_SYSLOG). */
void log_detach(void);

/* _warn adds strerror(errno), _warnx does not; debug only when verbose. */
void log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));

struct buf;
/* A warning for each line of the text. */
void log_lines(const struct buf *);

/* Log and exit with `status` (sysexits(3)). */
void fatal(int status, const char *, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void fatalx(int status, const char *, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

#endif
