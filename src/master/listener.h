/*
 * Listening sockets.  The master binds them and keeps them as long as it
 * lives: a child that dies takes no queued connection along.
 */

#ifndef MASTER_LISTENER_H
#define MASTER_LISTENER_H

#include <stddef.h>

#include "common/config.h"

/* What listener_name() fills. */
#define LISTENER_NAME_SIZE 192

/*
 * Binds and listens.  A Unix socket that nobody listens on any more is
 * replaced.  Returns the descriptor (close-on-exec, non-blocking), or -1
 * with one line in `error` (CONFIG_ERROR_SIZE bytes).
 */
int listener_open(const struct config_listen *, char *error);
/* The registry's socket, `registry.sock` in `dir`, which only its owner may
 * reach. */
int listener_open_registry(const char *dir, char *error);
/* Removes the name of a Unix socket. */
void listener_unlink(const struct config_listen *);
void listener_unlink_registry(const char *dir);

/* What accepted sockets inherit.  Returns 0, or -1 with errno. */
int listener_set_options(int fd, int family);

/* Where the socket is bound: "127.0.0.1 port 4040", or a path. */
void listener_name(int fd, char *name);

#endif
