/*
 * One listening socket.  The master binds it and keeps it open, so that no
 * connection in its backlog is lost when a child dies.
 *
 * Others may remove the file of a Unix socket and put another one in its place.
 * kvd changes or removes the file only while it is the one that bind(2) has
 * made.
 */

#ifndef MASTER_LISTENER_H
#define MASTER_LISTENER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* The size of listener_name()'s text, NUL included. */
#define LISTENER_NAME_SIZE 192

struct listener {
	int fd; /* close-on-exec, non-blocking; -1: closed, or an optional
		 * address that this machine does not have */
	struct config_listen listen; /* not an element of a list */
	bool bound; /* by this process, which removes the file, too */
	dev_t device; /* this and `inode`: the file of a Unix socket */
	ino_t inode;
};

/*
 * Binds a socket and listens.  The file of a Unix socket on which nobody
 * listens any more is replaced.  Mode and group are set before anybody can
 * connect.  With `wait`, waits up to a second for an address that is in use:
 * the acceptor of a kvd that was killed may be about to close it.  Returns 0,
 * or -1 with one line in `error` (CONFIG_ERROR_SIZE bytes).
 */
int listener_open(struct listener *, const struct config_listen *,
    const struct config *, bool wait, char *error);
/* Makes the address of a Unix socket in a directory of kvd's own, with mode
 * 0600.  Returns as listener_open(). */
int listener_name_private(struct config_listen *, const char *dir,
    const char *name, char *error);
/* Opens it.  The directory has to be locked: whatever has the name is that of a
 * kvd that was killed, and is removed.  Returns as listener_open(). */
int listener_open_private(struct listener *, const struct config_listen *,
    char *error);
/* Makes the registry's socket, `registry.sock` in `dir`.  Only its owner may
 * connect to it, and this group; (gid_t)-1: no group.  Returns as
 * listener_open(). */
int listener_open_registry(struct listener *, const char *dir, gid_t group,
    char *error);
/* Is the path of the registry's socket short enough for an address? */
bool listener_registry_fits(const char *dir);
/* Takes over a socket that the process which started kvd has bound.  Returns as
 * listener_open(). */
int listener_adopt(struct listener *, int fd, const struct config *,
    char *error);
/*
 * Applies a new configuration to a socket that stays: mode, group, keepalive.
 * Returns as listener_open().
 */
int listener_change(struct listener *, const struct config_listen *,
    const struct config *, char *error);
/* Looks up the group of a Unix socket; (gid_t)-1: none was given.  Returns as
 * listener_open(). */
int listener_find_group(const struct config_listen *, gid_t *, char *error);
/* Does this errno mean that the machine does not have the address?  A machine
 * without IPv6 may return any of several. */
bool listener_is_missing(int error);
/* Does the path of a Unix socket still lead to it?  True for all others. */
bool listener_has_name(const struct listener *);
/* Is this the socket that `listen` asks for?  For a Unix socket: does the path
 * lead to it, however it is written? */
bool listener_is_at(const struct listener *, const struct config_listen *);
/*
 * Stops listening, so that a socket for more or fewer addresses can be bound to
 * the same port, while acceptors have this one open.  Clients in its backlog are
 * disconnected.
 */
void listener_pause(const struct listener *);
/* Listens again.  Returns as listener_open(). */
int listener_resume(const struct listener *, char *error);
/* Closes the socket, and removes the file of a Unix socket if it is still its
 * own. */
void listener_close(struct listener *);

/* Fills `name` with the socket's address: "127.0.0.1 port 4040", or a path. */
void listener_name(int fd, char *name);

#endif
