/*
 * Writes lines of the log to standard error or syslogd, and never waits.  A
 * line that is not taken at once is lost, and the caller counts it.  syslog(3)
 * is not used because it waits for a syslogd that hangs.
 */

#ifndef COMMON_LOG_SINK_H
#define COMMON_LOG_SINK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Writes at most PIPE_BUF bytes, all or none.  Returns false if the line is
 * lost. */
bool log_sink_stderr(const char *line, size_t size);

/* Is standard error the stream to systemd's journal that this variable of the
 * environment names (systemd.exec(5))?  NULL: it is not set. */
bool log_sink_is_journal(const char *journal_stream);

/* Connects to syslogd, before a chroot(2) or a sandbox would hide it.  If that
 * fails, or after log_sink_close(), the next line tries again. */
void log_sink_open(void);
void log_sink_close(void);
/* Has syslogd closed the connection, or was there none? */
bool log_sink_is_closed(void);
/* Sends a line with a priority of syslog(3), in the name of this pid.  The text
 * is printable and has no newline.  Returns false if the line is lost. */
bool log_sink_syslog(int priority, pid_t pid, const char *text);

#endif
