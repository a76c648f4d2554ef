/*
 * Where the log goes.  Nothing here ever waits: a line that standard error
 * or syslogd does not take at once is lost, and the caller counts it.  That
 * is why syslog(3) is not used: it waits for a syslogd that hangs.
 */

#ifndef COMMON_LOG_SINK_H
#define COMMON_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* At most PIPE_BUF bytes: written whole or not at all.  False: lost. */
bool log_sink_stderr(const char *line, size_t size);

/* Connects to syslogd, before a chroot(2) would hide it.  If that fails, or
 * after log_sink_close(), the next line tries again. */
void log_sink_open(void);
void log_sink_close(void);
/* `priority` is one of syslog(3); the text is printable and has no newline.
 * False: lost. */
bool log_sink_syslog(int priority, const char *text);

#endif
