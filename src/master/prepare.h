/*
 * Prepares what the master needs before it can start its children: programs,
 * directories, the lock, sockets, signals.
 */

#ifndef MASTER_PREPARE_H
#define MASTER_PREPARE_H

#include <stdbool.h>

#include "master/state.h"

/* All return EX_OK or, having logged why, the status to exit with.  The first
 * finds out who the children become, the second opens their programs, the last
 * prepares all that remains. */
int prepare_users(struct master *);
int prepare_children(struct master *);
int prepare_run(struct master *);
/* Acceptors that are started from now on get the present listening sockets. */
void prepare_listens(struct master *);
/* ... and this descriptor of the file `epoch`, with which their workers can read
 * the cache. */
void prepare_epoch(struct master *, int fd);
/*
 * Makes again what somebody, such as a cleaner of old files, has removed: the
 * directories, the pid file and the registry's socket.  Logs what cannot be
 * made.  Returns true if the registry has to be restarted to get a new socket.
 */
bool prepare_repair(struct master *);
/* Closes and removes what the functions above have made, even if they
 * failed. */
void prepare_undo(struct master *);

/*
 * Opens libexec/kvd-NAME for execution, and writes its path
 * (STATE_PATH_SIZE bytes).  Returns a descriptor, or -1 with errno and
 * one line in `error` (CONFIG_ERROR_SIZE bytes).
 */
int prepare_program(const char *libexec, const char *name, char *path,
    char *error);

#endif
