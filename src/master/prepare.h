/*
 * What the master has to have before it supervises: directories, the lock,
 * sockets, signals.
 */

#ifndef MASTER_PREPARE_H
#define MASTER_PREPARE_H

#include "master/state.h"

/* Describes the children, and checks that they can be executed.  Like
 * prepare_run(), returns EX_OK or, having logged why, the status to exit
 * with. */
int prepare_children(struct master *);
int prepare_run(struct master *);
/* Makes these the acceptors' listening sockets; takes the array over. */
void prepare_listens(struct master *, int *fds, size_t count);
/* Removes and closes what prepare_run() has made, whole or not. */
void prepare_undo(struct master *);

#endif
