/*
 * The worker: one client's process.  It parses, asks the registry and
 * formats; it holds no data and opens no file.
 */

#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdint.h>

#include "common/config.h"

/* What a worker is told besides the configuration. */
struct worker_params {
	int fd; /* the client's */
	int signal_fd; /* reads SIGTERM: this process is to end */
	int lifeline_fd; /* at end of file: kvd stops */
	char *slot_text; /* where it says what it does (common/scoreboard.h) */
	uint64_t session; /* random, and its own */
};

/*
 * Serves the client until either has had enough.  Ends the process; returns
 * only in a build with sanitizers or coverage, which want to see it leave
 * through exit(3).
 */
void worker_run(const struct config *, const struct worker_params *);

#endif
