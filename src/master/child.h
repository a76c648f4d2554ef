/*
 * A long-lived child of the master: what it is, how it is started, and where
 * it stands.
 */

#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/config.h"
#include "master/heartbeat.h"
#include "master/policy.h"

/* What a kind of child is, whatever the configuration says. */
struct child_spec {
	const char *name; /* its program is kvd-NAME */
	int stage; /* enum stage: when it is stopped */
	int64_t start_ms; /* to be ready, before it is killed */
	int64_t abort_ms; /* to leave a core when hung, before it is killed */
	bool expendable; /* ended before the others when memory runs out */
};

struct child {
	const struct child_spec *spec;
	int program_fd; /* the executable, whatever has its name now */
	const int *workdir_fd; /* whatever has its name now; NULL: / */
	int lifeline_fd, scoreboard_fd; /* for an acceptor; else -1 */
	const int *listen_fds; /* become CHANNEL_LISTEN_FD and following */
	size_t listens;

	struct policy policy;
	struct heartbeat heartbeat;
	pid_t pid; /* if policy_runs() */
	int channel_fd; /* -1 when closed */
	int64_t configure_at_ms; /* CLOCK_NEVER unless that did not work */
};

/* The policy's rules for it, under this configuration. */
struct policy_rules child_rules(const struct child *, const struct config *);
/*
 * Forks and executes the child and sends it its configuration.  Returns 0,
 * or -1 with errno when it could not be forked.
 */
int child_start(struct child *, const struct config *,
    const struct startup_params *);
/* Sends its configuration, at first or again.  What is short is tried again
 * when configure_at_ms has passed. */
void child_configure(struct child *, const struct config *,
    const struct startup_params *);
/* Sends a signal. */
void child_signal(const struct child *, int signo);
/* It has been reaped. */
void child_forget(struct child *);

#endif
