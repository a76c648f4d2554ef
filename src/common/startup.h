/*
 * Puts in order what a process inherits from its parent, which may have left
 * descriptors closed, signals ignored or blocked, an alarm running, and any
 * umask(2).  Each program's main() calls this before it opens anything.
 * Nothing here fails: where the system refuses something, the program does
 * without it.
 */

#ifndef COMMON_STARTUP_H
#define COMMON_STARTUP_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Opens descriptors 0 to 2 if they are closed, so that no file or socket of
 * ours gets their number and is used in their place.  Then reading from 0
 * returns end of file, writing to 1 fails, and writing to 2 discards the data.
 */
void startup_descriptors(void);

/*
 * kvd: sets descriptors, signals, umask and timers.  SIGCHLD, SIGHUP, SIGINT
 * and SIGTERM are blocked, for a signalfd(2) to read.  SIGPIPE, SIGTTOU and
 * SIGXFSZ are ignored, so that a write returns an error instead of killing or
 * stopping the process.  All other signals have their default action and are
 * not blocked, and those that were pending are discarded.
 */
void startup_master(void);
/*
 * The same for a process that kvd has executed: SIGINT and SIGHUP are ignored,
 * because the master handles them, and SIGCHLD and SIGTERM are blocked.
 * Descriptors 0 and 1 lead nowhere, as if they had been closed.  `name`
 * becomes the name of the process (ps -o comm); fexecve(3) has made that the
 * number of a descriptor.
 */
void startup_child(const char *name);
/* Unblocks all signals, in a process that waits for another one. */
void startup_unblock(void);

/*
 * Gives standard error an open file description of its own, with O_NONBLOCK,
 * where the system allows that.  The inherited one is shared with other
 * processes, whose writes must not change their behaviour.
 */
void startup_stderr(void);

/* The same for standard input, which is a terminal. */
void startup_terminal(void);

/* Closes all descriptors above 2, except the `n` in `keep`. */
void startup_close_others(const int *keep, size_t n);

#endif
