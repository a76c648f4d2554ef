/*
 * The control socket itself, in the runtime directory.  The keyword `control`
 * says who may connect.
 */

#ifndef MASTER_CONTROL_SOCKET_H
#define MASTER_CONTROL_SOCKET_H

#include "master/state.h"

/* Makes the socket.  One that is there is that of a kvd that was killed, and is
 * replaced: the runtime directory has to be locked.  Returns 0, or -1 with one
 * line in `error` (CONFIG_ERROR_SIZE bytes), and so does the next. */
int control_socket_open(struct master *, char *error);
/* Applies the mode and the group of another configuration. */
int control_socket_change(struct master *, const struct config *, char *error);
/* Makes it again if somebody has removed it, and logs that. */
void control_socket_repair(struct master *);
/* Removes it. */
void control_socket_close(struct master *);

#endif
