/*
 * Listening sockets that whoever started kvd has bound (sd_listen_fds(3)).
 * They are used instead of `listen`, and their names are not kvd's to remove.
 */

#ifndef MASTER_INHERIT_H
#define MASTER_INHERIT_H

#include "common/config.h"

/* More than anyone binds, fewer than there are descriptors. */
#define INHERIT_MAX 256

/*
 * Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES from the environment; to be
 * called by the process that was started, before it forks.  Returns how many
 * sockets there are, 0 if there are none or they are for another process, in
 * `fds` (INHERIT_MAX).  -1: something else was inherited; a line in
 * `error` (CONFIG_ERROR_SIZE bytes) says what.
 */
int inherit_listeners(int *fds, char *error);

#endif
