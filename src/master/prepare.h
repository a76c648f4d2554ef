/*
 * What the master has to have before it supervises: helpers, directories, the
 * lock, sockets, signals.
 */

#ifndef MASTER_PREPARE_H
#define MASTER_PREPARE_H

#include <stdbool.h>

#include "master/runtime.h"
#include "master/state.h"

/* Opens the helpers and describes the children.  Like prepare_run(), returns
 * EX_OK or, having logged why, the status to exit with. */
int prepare_children(struct master *);
int prepare_run(struct master *);
/* The acceptors get the listening sockets that there are now. */
void prepare_listens(struct master *);
/*
 * Makes again what a cleaner of old files has taken away: directories, the
 * pid file, the registry's socket.  Returns true if there is another socket for
 * the registry now; what cannot be made is logged.
 */
bool prepare_repair(struct master *);
/* Removes and closes what prepare_run() has made, whole or not. */
void prepare_undo(struct master *);

/*
 * Opens libexec/kvd-NAME for execution, and writes its path
 * (RUNTIME_PATH_SIZE bytes).  Returns a descriptor, or -1 with one line in
 * `error` (CONFIG_ERROR_SIZE bytes).
 */
int prepare_program(const char *libexec, const char *name, char *path,
    char *error);

#endif
