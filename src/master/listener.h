/*
 * One listening socket.  The master binds them and keeps them as long as it
 * lives: a child that dies takes no queued connection along.
 *
 * The name of a Unix socket can be taken away and given to another: it is
 * kvd's own only as long as it leads to the file that bind(2) has made.
 */

#ifndef MASTER_LISTENER_H
#define MASTER_LISTENER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* What listener_name() fills. */
#define LISTENER_NAME_SIZE 192

struct listener {
	int fd; /* close-on-exec, non-blocking; -1: done without (optional) */
	struct config_listen listen; /* without a list */
	bool bound; /* by this process: the name is ours to remove */
	dev_t device; /* of the Unix socket's file */
	ino_t inode;
};

/*
 * Binds and listens.  A Unix socket that nobody listens on any more is
 * replaced; the new one has its mode and group before anybody can connect.
 * With `wait`, an address that is in use may be let go of by the acceptor of a
 * kvd that was killed, for a second.  The configuration says when a peer is
 * dead.  Returns 0, or -1 with one line in `error` (CONFIG_ERROR_SIZE bytes).
 */
int listener_open(struct listener *, const struct config_listen *,
    const struct config *, bool wait, char *error);
/* The registry's socket, `registry.sock` in `dir`, which only its owner may
 * reach. */
int listener_open_registry(struct listener *, const char *dir, char *error);
/* Can the path of the registry's socket be used as an address? */
bool listener_registry_fits(const char *dir);
/* One that was bound by whoever started kvd.  Returns as listener_open(). */
int listener_adopt(struct listener *, int fd, const struct config *,
    char *error);
/*
 * One that stays, under a new configuration: mode, group, keep-alive.
 * Returns as listener_open().
 */
int listener_change(struct listener *, const struct config_listen *,
    const struct config *, char *error);
/* Whose a Unix socket is to be; (gid_t)-1: the user's own group.  Returns as
 * listener_open(). */
int listener_find_group(const struct config_listen *, gid_t *, char *error);
/* Does a machine that lacks the address say this?  One without IPv6 says
 * different things, according to how it lacks it. */
bool listener_is_missing(int error);
/* Does its name, if it has one, still lead to it? */
bool listener_has_name(const struct listener *);
/* Is it the one that `listen` asks for?  Of a Unix socket: does that path,
 * however it is written, lead to it? */
bool listener_is_at(const struct listener *, const struct config_listen *);
/* Closes it, and removes its name if that is still its own. */
void listener_close(struct listener *);

/* Where the socket is bound: "127.0.0.1 port 4040", or a path. */
void listener_name(int fd, char *name);

#endif
