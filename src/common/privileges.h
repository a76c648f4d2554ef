/*
 * What a child of the master gives up before it begins its work: the user that
 * kvd was started as, the file system, and whatever else its role does not
 * need.
 *
 * This happens in the child's own main(), and not between fork(2) and
 * execve(2): the loader needs the file system that chroot(2) takes away.
 * Until then the child has read nothing but what the master has sent.
 */

#ifndef COMMON_PRIVILEGES_H
#define COMMON_PRIVILEGES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/* Each of these is one program. */
enum privileges_role {
	PRIVILEGES_REGISTRY,
	PRIVILEGES_CHECKPOINTER,
	PRIVILEGES_ACCEPTOR, /* and its workers, which inherit all of it */
};

struct privileges_user {
	uid_t uid;
	gid_t gid;
};

/* Who is to be whom.  The master decides (master/users.h), and sends this to its
 * children with their configuration. */
struct privileges {
	/* Root has started kvd, and the children become other users.  If not,
	 * both users below are the one who has started kvd. */
	uint32_t switches;
	struct privileges_user user; /* of acceptors and workers */
	struct privileges_user registry_user; /* registry and checkpointer */
};

/*
 * Makes this process the user of its role, for good, without supplementary
 * groups.  An acceptor's root becomes its working directory, which holds only
 * the registry's socket.  Whoever started kvd, the process and all that it
 * forks then have no way to more privileges (no_new_privs), no terminal on
 * descriptors 0 and 1, and, unless `core_dumps`, leave no cores and cannot be
 * traced by others of their user.  The registry and the checkpointer can start
 * no processes, and an acceptor can make no file larger.
 *
 * Returns 0, or -1 with errno, and *what is what could not be done.
 */
int privileges_drop(const struct privileges *, enum privileges_role,
    bool core_dumps, const char **what);

/* The same for a program of root's that becomes another user for good, and
 * gives up nothing else. */
int privileges_become(const struct privileges_user *, const char **what);

/* No descriptor of this process gets a number from `end` on.  It cannot fail: a
 * limit that is lower already stays. */
void privileges_limit_descriptors(int end);

/* In a new worker: it can start no processes. */
void privileges_forbid_fork(void);

/* Keeps others of the same user from tracing this process, and from reaching
 * its descriptors in /proc, or allows it again. */
void privileges_set_traceable(bool);

#endif
