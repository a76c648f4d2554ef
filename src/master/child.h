/*
 * A long-lived child of the master: how it is started, and where it stands.
 */

#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/config.h"
#include "master/policy.h"

enum child_state {
	CHILD_DOWN, /* not running; started when start_at_ms comes */
	CHILD_STARTING, /* running, not ready yet */
	CHILD_READY,
	CHILD_STOPPING, /* told to end */
};

struct child {
	const char *name; /* "registry" */
	char path[1024]; /* of the executable */
	const char *workdir;
	int extra_fd; /* becomes CHANNEL_LIFELINE_FD, or -1 */
	const int *listen_fds; /* become CHANNEL_LISTEN_FD and following */
	size_t listens;

	enum child_state state;
	pid_t pid; /* unless CHILD_DOWN */
	int channel_fd; /* -1 when closed */
	int64_t started_ms;
	int64_t start_at_ms; /* CHILD_DOWN: when; CLOCK_NEVER: not yet */
	int64_t deadline_ms; /* STARTING, STOPPING: killed after it */
	struct policy policy;
};

/*
 * Forks and executes the child and sends it its configuration.  Returns 0,
 * or -1 with errno when it could not be forked.
 */
int child_start(struct child *, const struct config *,
    const struct channel_log *, int64_t now_ms);
/* Asks it to end until the deadline. */
void child_stop(struct child *, int64_t deadline_ms);
/* Its deadline has passed. */
void child_kill(struct child *);
/* It has been reaped. */
void child_forget(struct child *);

#endif
