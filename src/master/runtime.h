/*
 * The runtime directory: its lock, which keeps a second kvd out, the pid file,
 * and the directory in which acceptors and workers live.
 *
 * By the time a path is used again it may lead to another file.  So the
 * directory is locked by its descriptor, and nothing is removed by a name that
 * leads to something else by now.
 */

#ifndef MASTER_RUNTIME_H
#define MASTER_RUNTIME_H

#include "master/state.h"

/* Writes the path of the directory of acceptors and workers
 * (STATE_PATH_SIZE bytes).  Returns 0, or -1 when it is too long. */
int runtime_workdir(const struct config *, char *path);

/*
 * Makes and locks the directory, and makes the one of acceptors and workers.
 * Returns EX_OK or, having logged why, the status to exit with, and so do the
 * two functions below.
 */
int runtime_lock(struct master *);
/* Opens and locks the pid file. */
int runtime_open_pidfile(struct master *);
/* Writes this process's pid. */
int runtime_write_pidfile(struct master *);
/*
 * Makes again what somebody has removed: the directories and the pid file.
 * Returns 0, or -1, having logged why, when the directories cannot be used or
 * another kvd uses them.
 */
int runtime_repair(struct master *);
/* Removes the pid file and gives up the lock, if they are there. */
void runtime_unlock(struct master *);

#endif
