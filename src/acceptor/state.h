/*
 * The acceptor's state: one struct, passed down.
 */

#ifndef ACCEPTOR_STATE_H
#define ACCEPTOR_STATE_H

#include <sys/types.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/title.h"

struct pollfd;
struct roster;
struct worker_process;
RB_HEAD(worker_tree, worker_process);

enum {
	PFD_SIGNAL,
	PFD_CHANNEL,
	PFD_LISTEN
};

struct acceptor {
	struct config *config;
	char *program;
	struct title title;
	struct roster *roster;
	struct worker_tree workers;
	struct worker_process *table; /* by their slots; workers have it not */
	struct pollfd *pfds; /* signal, channel, then the listeners */
	size_t listeners;
	int spare_fd; /* to be given up when there is no other; or -1 */
	int64_t started_ms;
	int64_t complain_at_ms; /* not before: shortages come in masses */
	int64_t accept_at_ms; /* CLOCK_NEVER unless pausing */
	int64_t renew_at_ms; /* CLOCK_NEVER unless a worker has crashed */
	int64_t stop_at_ms; /* CLOCK_NEVER unless stopping */
	bool is_worker; /* this process is a forked worker, and done */
	bool has_left; /* ends at once, and its workers live on */
};

#endif
