/*
 * The worker: the process of one client.  It parses requests, sends them to
 * the registry and formats the replies.  It keeps no data and opens no file.
 */

#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdint.h>

#include "common/config.h"

/* What a worker needs besides the configuration. */
struct worker_params {
	int fd; /* the client's connection */
	int signal_fd; /* reads SIGTERM: this process has to end */
	int lifeline_fd; /* at end of file, kvd stops */
	char *slot_text; /* the worker writes the command that it executes here
			  * (common/scoreboard.h) */
	uint64_t session; /* random; no other worker has the same */
};

/*
 * Serves the client until that or the worker ends the connection.  Then it ends
 * the process.  It returns only in a build with sanitizers or coverage, which
 * do their work in exit(3).
 */
void worker_run(const struct config *, const struct worker_params *);

#endif
