/*
 * Makes the process a daemon.  The command that was started returns when the
 * server is ready, or with the status of its failure.
 */

#ifndef MASTER_DAEMON_H
#define MASTER_DAEMON_H

/*
 * Forks.  Returns only in the daemon, with a descriptor for daemon_ready().
 * The calling process exits when that is called or the daemon ends.
 */
int daemon_start(void);
/* Lets the waiting process exit with 0, and leaves its terminal. */
void daemon_ready(int fd);

#endif
