/*
 * The worker's state: one struct, passed down.
 */

#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/config.h"
#include "common/log_limit.h"
#include "worker/account.h"
#include "worker/client.h"
#include "worker/input.h"
#include "worker/link.h"
#include "worker/local.h"
#include "worker/queue.h"

struct worker {
	const struct config *config;
	/* What others see of this worker.  request_run() writes the name of the
	 * command under way there, and input_run() "" when all lines are
	 * answered. */
	struct account account;
	struct client client;
	struct input input; /* the lines that come from the client */
	struct queue queue; /* the client's transaction */
	struct link link; /* to the registry */
	struct local local; /* what is answered without it */

	struct log_limit slow_lines; /* for slow.c */

	/* Set by whoever finds a reason; worker_run() ends. */
	bool closing; /* execute no more lines */
	/* Events were lost: replies.c tells the client, as the last thing. */
	bool lagged;
	/* request.c lists.  Events wait meanwhile. */
	bool in_listing;
	struct buf deferred_events; /* their lines */
};

#endif
