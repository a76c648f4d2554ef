/*
 * The master's state: one struct, passed down.
 */

#ifndef MASTER_STATE_H
#define MASTER_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/channel.h"
#include "common/config.h"
#include "common/log_limit.h"
#include "common/pid_index.h"
#include "master/child.h"
#include "master/listeners.h"
#include "master/notify.h"
#include "master/options.h"

struct pidfh;
struct scoreboard;

/* Children stop in the reverse of this order; those of one stage together. */
enum stage {
	STAGE_OVER = -1,
	STAGE_REGISTRY,
	STAGE_ACCEPTORS,
	STAGES
};

/* The registry, and then the acceptors; the configuration says how many. */
#define REGISTRY 0
#define ACCEPTOR 1
#define CHILDREN (ACCEPTOR + CONFIG_ACCEPTORS_MAX)

struct master {
	struct options *options;
	struct config *config;
	struct startup_params params;
	struct child children[CHILDREN];
	char workdir[1024]; /* where acceptors and workers live */
	int workdir_fd; /* that very directory */
	int runtime_fd; /* the runtime directory, locked */
	int program_fds[STAGES]; /* the helpers, to be executed */
	int signal_fd;
	int lifeline[2]; /* ours is [1]; nobody writes */
	int scoreboard_fd;
	struct scoreboard *scoreboard;
	struct pid_index adopted; /* workers whose acceptor has died */
	struct listener registry_listener;
	struct listeners listeners;
	struct notify notify;
	struct pidfh *pidfile;
	int daemon_fd; /* who waits for our start; -1: nobody */
	bool announced; /* clients can connect */
	struct log_limit shortages; /* that keep children from being started */
	bool reload_wanted; /* a signal has come that must wait until then */
	bool reloading; /* init was told so, and not yet that it is over */
	bool reload_failed; /* the last one */
	char reported[64]; /* the status that init was told last */
	bool stopping;
	int64_t stopping_since_ms;
	int stage; /* when stopping: whose turn it is, or STAGE_OVER */
	int status; /* what to exit with */
};

#endif
