/*
 * Becoming a daemon whose start can be waited for: the command returns when
 * the server is ready, or with the status of its failure.
 */

#ifndef MASTER_DAEMON_H
#define MASTER_DAEMON_H

/*
 * Forks.  Returns in the daemon only, with a descriptor for daemon_ready();
 * the caller's process exits when that is called or the daemon ends.
 */
int daemon_start(void);
/* Lets the waiting process exit with 0, and leaves its terminal. */
void daemon_ready(int fd);

#endif
