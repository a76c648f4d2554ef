/*
 * The acceptor's state: one struct, passed down.
 */

#ifndef ACCEPTOR_STATE_H
#define ACCEPTOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "acceptor/expendable.h"
#include "acceptor/source_rate.h"
#include "common/config.h"
#include "common/log_limit.h"
#include "common/pid_index.h"
#include "common/sandbox.h"
#include "common/title.h"

struct activity;
struct pollfd;
struct reader;
struct scoreboard;

/* The acceptor begins anew, as another process or by executing itself again, at
 * most once in this time. */
#define RENEW_MS 1000

/* Places in `pfds`. */
enum {
	PFD_SIGNAL,
	PFD_CHANNEL,
	PFD_LISTEN /* the first of the listeners */
};

struct acceptor {
	struct config *config;
	struct title title;
	struct scoreboard *scoreboard;
	struct reader *reader; /* of the cache, for the workers */
	struct pid_index workers; /* their pids, and their slots */
	struct pollfd *pfds;
	size_t listeners; /* number of listening sockets */
	bool is_confined; /* it has no programs, nor has its root */
	bool again; /* it has executed itself again */
	bool syslogs; /* it was connected to syslogd, and has not noticed that
		       * this is over */
	struct source_rate rate;
	int worker_signal_fd; /* what workers know SIGTERM by */
	uid_t master_uid;
	int spare_fd; /* accept.c closes it to refuse a client; or -1 */
	struct log_limit refusals, shortages; /* for lines about each */
	struct expendable expendable;
	struct sandbox_filter worker_filter; /* what workers add; its own */

	/* When to do what; CLOCK_NEVER: not at all. */
	int64_t accept_at_ms; /* accept again, after a pause */
	int64_t renew_at_ms; /* execute this program again: a worker crashed */
	int64_t stop_at_ms; /* end even if there are workers: kvd stops */
	int64_t started_ms; /* when this program was executed last */

	pid_t pid; /* of this process: for the log */
	/* Set by workers_start(): this is a forked worker that has ended its
	 * work.  All functions return at once. */
	bool is_worker;
	struct activity *activity; /* of that worker */
	/* Set by a SIGTERM that only this process got: it ends at once, and its
	 * workers live on. */
	bool has_left;
};

#endif
