/*
 * The worker: the process of one client.  It parses requests, sends them to
 * the registry and formats the replies.  It keeps no data and opens no file.
 */

#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <sys/types.h>

#include <stdint.h>

#include "area/reader.h"
#include "common/activity.h"
#include "common/config.h"
#include "common/title.h"

/* What a worker needs besides the configuration. */
struct worker_params {
	int fd; /* the client's connection */
	int signal_fd; /* readable after SIGTERM: this process has to end */
	int lifeline_fd; /* at end of file, kvd stops */
	struct activity *activity; /* the worker writes what it does here */
	uid_t registry_uid; /* whose the registry's socket is: the master's */
	uint64_t session; /* random; no other worker has the same */
	uint64_t id; /* of the connection, in the log */
	struct reader *reader; /* of the cache (area/reader.h) */
	/* What ps(1) shows.  The worker writes its state at the offset. */
	const struct title *title;
	size_t title_offset;
};

/*
 * Serves the client until that or the worker ends the connection.  Then it ends
 * the process.  It returns only in a build with sanitizers or coverage, which
 * do their work in exit(3).
 */
void worker_run(const struct config *, const struct worker_params *);

#endif
