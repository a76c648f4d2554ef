/*
 * The acceptor's state: one struct, passed down.
 */

#ifndef ACCEPTOR_STATE_H
#define ACCEPTOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/log_limit.h"
#include "common/pid_index.h"
#include "common/title.h"

struct pollfd;
struct scoreboard;

enum {
	PFD_SIGNAL,
	PFD_CHANNEL,
	PFD_LISTEN
};

struct acceptor {
	struct config *config;
	struct title title;
	struct scoreboard *scoreboard;
	struct pid_index workers; /* and their slots */
	struct pollfd *pfds; /* signal, channel, then the listeners */
	size_t listeners;
	int spare_fd; /* to be given up when there is no other; or -1 */
	int64_t started_ms;
	struct log_limit refusals, shortages; /* they come in masses */
	int64_t accept_at_ms; /* CLOCK_NEVER unless pausing */
	int64_t renew_at_ms; /* CLOCK_NEVER unless a worker has crashed */
	int64_t stop_at_ms; /* CLOCK_NEVER unless stopping */
	bool is_worker; /* this process is a forked worker, and done */
	bool has_left; /* ends at once, and its workers live on */
};

#endif
