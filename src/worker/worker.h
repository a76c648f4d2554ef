/*
 * The worker: one client's process.  It parses, asks the registry and
 * formats; it holds no data and opens no file.
 */

#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "common/config.h"

/*
 * Serves the client on `fd` until either has had enough.  `signal_fd` is
 * readable when this process is to end, `lifeline_fd` at end of file when
 * kvd is.  In `cell` (common/roster.h) it says which command is under way.  Ends the process; returns only in a build with sanitizers or
 * coverage, which want to see it leave through exit(3).
 */
void worker_run(const struct config *, int fd, int signal_fd, int lifeline_fd,
    char *cell);

#endif
