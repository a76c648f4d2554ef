/*
 * Listening sockets that the process which started kvd has bound and passed to
 * it (sd_listen_fds(3)).  kvd uses them instead of `listen`, and does not
 * remove the files of Unix sockets among them.
 */

#ifndef MASTER_INHERIT_H
#define MASTER_INHERIT_H

#include "common/config.h"

/* The most sockets: more than anybody binds, and fewer than a process may have
 * open. */
#define INHERIT_MAX 256

/*
 * Removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES from the environment.  Must
 * be called before the process forks, because LISTEN_PID has its pid.  Fills
 * `fds` (INHERIT_MAX) and returns their number, which is 0 if there are none or
 * if they are meant for another process.  Returns -1 if a descriptor is not a
 * listening stream socket, with one line in `error` (CONFIG_ERROR_SIZE bytes).
 */
int inherit_listeners(int *fds, char *error);

#endif
