/*
 * The state of the master, in one struct that its functions are passed.
 */

#ifndef MASTER_STATE_H
#define MASTER_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "area/memory.h"
#include "common/channel.h"
#include "common/config.h"
#include "common/log_limit.h"
#include "common/pid_index.h"
#include "master/child.h"
#include "master/listeners.h"
#include "master/notify.h"
#include "master/options.h"
#include "master/scrub.h"
#include "master/walk.h"

struct control;
struct pidfh;
struct scoreboard;

/* Children start in this order and stop in the reverse, all of a stage at the
 * same time. */
enum stage {
	STAGE_OVER = -1, /* all children have ended */
	STAGE_CHECKPOINTER,
	STAGE_REGISTRY,
	STAGE_ACCEPTORS,
	STAGES
};

/* The indexes of the checkpointer, the registry and the first acceptor in
 * `children`.  The configuration says how many acceptors run. */
#define CHECKPOINTER 0
#define REGISTRY 1
#define ACCEPTOR 2
#define CHILDREN (ACCEPTOR + CONFIG_ACCEPTORS_MAX)

/* Checkpoints that were asked for (master/checkpoint_demand.h), numbered. */
struct checkpoint_demand {
	uint64_t asked; /* the one that the registry makes, or has made */
	uint64_t done; /* the last one that it has made */
	uint64_t revision; /* what that one has everything up to */
	bool again; /* another one is wanted when `asked` is done */
};

/* Dead acceptors whose workers are still to be adopted (master/adopt.h). */
struct adopt {
	pid_t postponed[CONFIG_ACCEPTORS_MAX];
	size_t n_postponed;
	int64_t again_ms; /* when to try again */
};

/* The longest path of a directory or a program, NUL included. */
#define STATE_PATH_SIZE 1024

struct master {
	struct master_options *options;
	struct config *config;
	struct startup_params params;
	struct child children[CHILDREN];
	char workdir[STATE_PATH_SIZE]; /* of acceptors and workers */
	int workdir_fd;
	int runtime_fd; /* the runtime directory, locked */
	int program_fds[STAGES]; /* the programs of the children */
	int signal_fd;
	int lifeline[2]; /* a pipe; closing [1] tells workers to end */
	int checkpoint[2]; /* sockets of the registry and the checkpointer */
	int scoreboard_fd;
	struct scoreboard *scoreboard;
	struct area_memory cache; /* that the registry shares with workers */
	int64_t cache_made; /* how large it is, or may be without it */
	int epoch_fd; /* of the file `epoch`, from the registry; or -1 */
	struct pid_index adopted; /* workers whose acceptor has died */
	struct adopt adopt; /* workers that are still to be adopted */
	struct listener registry_listener;
	struct listener control_listener;
	struct listeners listeners;
	struct notify notify;
	struct pidfh *pidfile;
	int daemon_fd; /* for daemon_ready(); -1: no process waits */
	bool announced; /* clients have been able to connect once */
	struct log_limit shortages; /* messages that a fork has failed */
	struct log_limit directories; /* that one cannot be opened */
	bool reload_wanted; /* SIGHUP came before kvd was announced */
	int64_t look_at_ms; /* is the registry's socket still there? */
	struct checkpoint_demand checkpoints;
	struct walk walk; /* through a store that makes processes crash */
	struct scrub scrub; /* checks of the store in the background */
	struct control *control; /* its connections (master/control.h) */
	struct buf reload_mistakes; /* of the last reload, one a line */
	int64_t started_ms;
	bool reloading; /* init knows of a reload, and not of its end */
	bool reload_failed; /* the last reload */
	bool draining; /* clients that are idle are to end */
	int64_t drain_at_ms; /* when to look for them */
	uint32_t drain_slot; /* and from which slot on */
	char reported[64]; /* the last status that init was told */
	size_t name_size; /* of argv[0], before the title was in its place */
	bool stopping;
	int64_t stopping_since_ms;
	int stage; /* when stopping: the stage whose turn it is */
	int status; /* the exit status */
};

#endif
