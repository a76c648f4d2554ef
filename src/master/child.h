/*
 * A long-lived child of the master: the checkpointer, the registry or an
 * acceptor.
 */

#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/config.h"
#include "common/exit.h"
#include "master/heartbeat.h"
#include "master/policy.h"

/* The size of a description of how a process has ended, NUL included. */
#define CHILD_END_SIZE (EXIT_DESCRIPTION_SIZE + 16)

/* The properties of a kind of child that do not depend on the configuration. */
struct child_spec {
	const char *name; /* its program is kvd-NAME */
	int stage; /* enum stage: its turn when kvd stops */
	int64_t start_ms; /* see struct policy_rules */
	int64_t abort_ms;
	bool expendable; /* the first to be killed when memory runs out */
	/* It may hang for so many times the heartbeat-timeout. */
	unsigned int patience;
};

struct child {
	const struct child_spec *spec;
	/* What it is given.  Descriptors, because another file may have the
	 * name of the program or the directory by now. */
	int program_fd;
	const int *workdir_fd; /* its working directory; NULL: / */
	/* -1: it does not get this one. */
	int lifeline_fd, scoreboard_fd, checkpoint_fd;
	const int *listen_fds; /* from CHANNEL_LISTEN_FD on */
	size_t listens; /* their number */
	/* Those of the cache, which go with the configuration. */
	int cache_fds[IO_FDS_MAX];
	size_t n_cache_fds;
	struct sandbox_filter filters[CHANNEL_FILTERS];

	struct policy policy;
	struct heartbeat heartbeat;
	pid_t pid; /* 0: it does not run */
	int channel_fd; /* -1: closed */
	int64_t configure_at_ms; /* the next attempt; CLOCK_NEVER: none */

	bool hung; /* it did not answer, and is to end */
	/* The system call that its sandbox has not allowed; or
	 * EXIT_NO_VIOLATION (common/exit.h). */
	long violation;
	uint64_t starts; /* how often a process was forked */
	uint64_t pings; /* sent, in all */
	uint64_t pongs; /* of these: answered, or sent to one that has ended */
	char last_end[CHILD_END_SIZE]; /* of the last process; "": none */
	int64_t ended_ms; /* when that was */
};

/* Has it said that it is ready, and not been told to end since? */
static inline bool
child_answers(const struct child *c)
{
	return c->policy.state == POLICY_READY;
}

/* The rules of the child's supervision under this configuration. */
struct policy_rules child_rules(const struct child *, const struct config *);
/* How long it may answer no ping. */
int64_t child_heartbeat_ms(const struct child *, const struct config *);
/*
 * Forks and executes the child and sends it its configuration.  Returns 0,
 * or -1 with errno when it could not be forked.
 */
int child_start(struct child *, const struct config *,
    const struct startup_params *);
/* Sends the child its configuration.  If there is no memory for it, the caller
 * has to call this again when configure_at_ms has come. */
void child_configure(struct child *, const struct config *,
    const struct startup_params *);
/* Sends a ping and counts it.  False: it cannot be sent. */
bool child_ping(struct child *);
/* The child has ended: reads its last messages, of which only VIOLATION still
 * matters. */
void child_read_violation(struct child *);
/* Sends a signal to the child, if it runs. */
void child_signal(const struct child *, int signo);
/* The child has been reaped. */
void child_forget(struct child *);

#endif
