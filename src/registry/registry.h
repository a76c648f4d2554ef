/*
 * The registry: owns every bucket, and is the only process that opens the
 * store.  It trusts the master, and no worker.
 */

#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/config.h"
#include "registry/change.h"
#include "registry/events.h"
#include "registry/outcome.h"
#include "registry/housekeeping.h"
#include "registry/warning.h"

struct conn;
struct store;
TAILQ_HEAD(conn_list, conn);

struct registry {
	struct config *config; /* the master may change it */
	struct store *store;
	int epoll_fd, signal_fd, listen_fd;

	struct conn_list idle; /* every connection is on one of these two */
	struct conn_list ready; /* may have whole requests to execute */
	unsigned int conns;
	/* Connections that have, or are to have, a record of outcomes. */
	struct conn_list recorded;
	struct outcome_list orphaned; /* records without a connection */
	struct topic_tree topics; /* who has subscribed to what */
	struct conn_list notified; /* have events of this turn */
	struct conn_list listings; /* hold a snapshot; the oldest is first */

	int64_t now_ms; /* of the commit under way */
	struct changes changes; /* of the batch */
	/* The time of day is this and CLOCK_BOOTTIME (common/clock.h). */
	int64_t wall_base_ms;
	int64_t wall_ms; /* of this turn: what entries expire by */
	struct housekeeping housekeeping;
	struct warnings warnings;
	/* Since the start, for STATS. */
	int64_t started_ms;
	uint64_t requests;
	uint64_t commits;
	const uint64_t *refused_clients; /* the acceptors'; NULL: 0 */
	struct {
		size_t replies; /* bytes of those that are stored */
		bool full; /* a write found no room */
	} turn;

	int64_t sync_at_ms; /* CLOCK_NEVER unless commits wait for a sync */
	bool accept_pending; /* workers wait to be accepted */
	int64_t listen_at_ms; /* when to accept again after a shortage */
	int64_t cache_at_ms; /* when to try again to have a cache */
	int64_t stop_at_ms; /* CLOCK_NEVER unless stopping */
};

/* Runs until told to stop; returns the process's exit status.  The base is
 * the master's clock_wall_base(): it outlives this process. */
int registry_main(struct config *, const struct startup_params *);

#endif
