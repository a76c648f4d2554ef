/*
 * What a process inherits from whoever started it, put in order.  The first
 * statement of each program's main(), before anything is opened: a parent may
 * have left descriptors closed, signals ignored or blocked, an alarm running
 * and any umask(2).  Nothing here fails: what cannot be had is done without.
 */

#ifndef COMMON_STARTUP_H
#define COMMON_STARTUP_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Descriptors 0 to 2 are open afterwards, so that no file or socket of ours
 * lands there and is taken for them.  One that was closed reads as empty (0),
 * fails when it is written to (1), or discards what is written (2).
 */
void startup_descriptors(void);

/*
 * kvd: descriptors, signals, umask and timers.  SIGCHLD, SIGHUP, SIGINT and
 * SIGTERM are blocked, for a signalfd(2) to read; SIGPIPE, SIGTTOU and SIGXFSZ
 * are ignored, so that a write fails, or works, instead of killing or stopping;
 * all others have their default action, are not blocked, and none that was
 * sent before is pending.
 */
void startup_master(void);
/*
 * The same for a process that kvd has executed: SIGINT and SIGHUP are the
 * master's to handle and ignored, SIGCHLD and SIGTERM are blocked.  `name` is
 * the program's, which would be that of a descriptor (execveat(2)).
 */
void startup_child(const char *name);
/* Undoes the blocking of signals, in a process that waits for another. */
void startup_unblock(void);

/*
 * Standard error gets an open file description of its own that never blocks,
 * where the system allows that: the one that was inherited is shared with
 * others, whose writes must not change their behaviour.
 */
void startup_stderr(void);

/* The same for a terminal that is standard input. */
void startup_terminal(void);

/* Closes all descriptors above 2 but those of `keep`. */
void startup_close_others(const int *keep, size_t n);

#endif
