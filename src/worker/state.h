/*
 * The worker's state: one struct, passed down.
 */

#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/config.h"
#include "proto/telnet.h"
#include "worker/client.h"
#include "worker/link.h"
#include "worker/queue.h"

struct worker {
	const struct config *config;
	struct client client;
	struct link link;
	struct queue queue;
	struct telnet telnet;
	struct buf words; /* of the line under way */
	size_t line_max; /* bytes */
	size_t seen; /* bytes of client.in known to hold no line's end */
	bool discarding; /* the rest of a line that is too long */
	bool greeted; /* the first line has come */
	bool over; /* no more lines */
	bool listing; /* is under way */
	struct buf held; /* events that wait for its end */
	bool starved; /* no memory, and not for one of the buffers here */
	bool lagged; /* events were lost: the client is to be told */
	char *slot_text; /* for crash reports: the command under way, or "" */
};

#endif
