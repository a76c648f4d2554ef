/*
 * Load: one thread that drives its share of the clients through the phases
 * of a run, each a closed loop (a client asks again when it is answered) or
 * an open one (requests have a time at which they are due).
 */

#ifndef KVBENCH_LOAD_H
#define KVBENCH_LOAD_H

#include <sys/queue.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvbench/conn.h"
#include "kvbench/keys.h"
#include "kvbench/protocol.h"
#include "kvbench/random.h"
#include "kvbench/tally.h"
#include "kvbench/target.h"

#define LOAD_UNLIMITED UINT64_MAX

/* One thread's part of a phase. */
struct phase {
	uint64_t limit; /* so many requests, or LOAD_UNLIMITED */
	int64_t duration_ns; /* none begins after that; 0: no limit */
	double interval_ns; /* between two; 0: a closed loop */
	double offset_ns; /* the first is due so long after the start */
	size_t depth; /* requests under way on a connection */
	bool fill; /* puts each key once */
	bool churn; /* a connection for each request */
};

/* What the threads share. */
struct load_shared {
	const struct workload *workload;
	const struct target *target;
	int timeout_ms; /* for a reply, or a connection */
	bool must_exist; /* a key that is absent is an error */
	atomic_bool stop; /* no more requests */
	atomic_bool failed; /* one thread has: all give up */
};

struct load {
	struct load_shared *shared;
	const struct phase *phase;
	struct conn *conns;
	size_t n_conns;
	TAILQ_HEAD(, conn) ready; /* open loop: those with room */
	struct conn **dirty; /* open loop: those with something to send */
	size_t n_dirty;
	int epoll_fd, timer_fd;
	struct keys keys, fill; /* of the mix, and to fill */
	struct random random;
	int64_t now_ns;
	int64_t heard_ns; /* when a reply came, or the first was asked for */
	uint64_t started; /* in this phase */
	uint64_t in_flight;
	struct tally tally; /* of this phase */
	atomic_ullong done; /* of it, for others to watch */
	int status; /* of sysexits.h, and why */
	char error[512];
};

int64_t load_clock_ns(void);

/*
 * Returns 0, or -1 with status and error set.  `depth` is the largest of any
 * phase.  load_clear in any case.
 */
int load_init(struct load *, struct load_shared *, size_t n_conns,
    size_t depth);
void load_clear(struct load *);

/* Connects all clients, if they are to stay connected. */
int load_connect(struct load *);
/* Runs a phase to its end; 0, or -1 with status and error set. */
int load_run(struct load *, const struct phase *);

#endif
