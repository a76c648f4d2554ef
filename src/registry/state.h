/*
 * state: all that the registry knows, in one struct, which every function of
 * it gets.  A part that has a file of its own is declared in that file's
 * header.
 */

#ifndef REGISTRY_STATE_H
#define REGISTRY_STATE_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "area/memory.h"
#include "common/config.h"
#include "common/counters.h"
#include "registry/change.h"
#include "registry/checkpoint.h"
#include "registry/gauges.h"
#include "registry/housekeeping.h"
#include "registry/memory.h"
#include "registry/outcome.h"
#include "registry/resume.h"
#include "registry/slice.h"
#include "registry/topic.h"
#include "registry/warning.h"

struct conn;
struct scoreboard;
struct store;
TAILQ_HEAD(conn_list, conn);

struct registry {
	struct config *config; /* the master may send another at any time */
	struct area_memory cache; /* the memory that workers read */
	struct store *store;
	int epoll_fd, signal_fd, listen_fd;

	/* Every connection is on one of these four lists. */
	struct conn_list idle;
	struct conn_list ready; /* may have whole requests in `in` */
	struct conn_list held; /* wants to write, and may not yet */
	struct conn_list starved; /* waits for memory */
	unsigned int conns; /* how many connections there are */
	/* Connections with a record of outcomes, or with a write in the batch,
	 * which gets them one. */
	struct conn_list recorded;
	struct outcome_list orphaned; /* records without a connection */
	struct conn_list silent; /* connections that have not said HELLO */
	struct conn_list refused; /* and those that have said something else */
	unsigned int n_refused;
	struct conn *
	    *by_slot; /* the connection of each slot's worker, or NULL */
	struct topics topics; /* buckets that have subscribers */
	size_t queued; /* bytes of events in all queues */
	struct conn_list notified; /* connections that got events this turn */
	struct conn_list lookers; /* connections for kvctl(8), oldest first */
	unsigned int n_lookers;
	pid_t master_pid;
	uid_t master_uid, worker_uid; /* who may connect */
	struct conn_list listings; /* hold a snapshot; the oldest is first */
	/* Subscribers that have not yet been told what they missed. */
	struct conn_list behind;
	struct resume resume; /* the pass that tells them */
	uint64_t reach; /* store_reach(), as subscribers know it */

	int64_t now_ms; /* clock_ms() at the commit under way */
	struct changes changes; /* noted of the batch */
	/* The time of day is this plus CLOCK_BOOTTIME (common/clock.h). */
	int64_t wall_base_ms;
	int64_t wall_ms; /* the time of day in this turn, for expiry */
	struct memory memory; /* of the connections */
	struct housekeeping housekeeping;
	struct checkpoint checkpoint;
	struct warnings warnings;
	int64_t started_ms;
	struct gauges gauges;
	/* What the registry counts, in memory that outlives it
	 * (common/counters.h). */
	uint64_t *counters;
	struct scoreboard *scoreboard; /* to be read only */
	struct {
		struct slice slice; /* the time that it may take */
		size_t replies; /* bytes of those that the commit stores */
		size_t settle; /* keys that may still be looked up for COUNT */
		/* A request or housekeeping found no space.  turn.c sets it;
		 * commit_run() then does nothing, and commit_rewind() clears
		 * it. */
		bool full;
		/* The same of a commit that would be too large for the log. */
		bool too_large;
		/* A turn does 2 to the power of this more of the request that
		 * is executed: see TRIES in request.c. */
		unsigned int scan_shift;
	} turn;

	/* Deadlines, of clock_ms(); CLOCK_NEVER: there is none. */
	int64_t sync_at_ms; /* commits that are not durable are synced */
	int64_t listen_at_ms; /* workers are accepted again, after a shortage */
	int64_t cache_at_ms; /* memory for a cache is asked for again */
	int64_t stop_at_ms; /* the registry stops, even if workers are there */
	bool accept_pending; /* epoll said that workers wait to be accepted */
};

/* A counter of the registry's own, such as COUNTER_REQUESTS. */
static inline uint64_t *
registry_counter(struct registry *r, size_t counter)
{
	return &r->counters[counter - COUNTER_REGISTRY];
}

#endif
