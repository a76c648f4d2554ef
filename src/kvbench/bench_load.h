/*
 * Load: one thread that drives its share of the clients through the phases
 * of a run, each a closed loop (a client asks again when it is answered) or
 * an open one (requests have a time at which they are due).
 */

#ifndef KVBENCH_BENCH_LOAD_H
#define KVBENCH_BENCH_LOAD_H

#include <sys/queue.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvbench/bench_conn.h"
#include "kvbench/keys.h"
#include "kvbench/protocol.h"
#include "kvbench/random.h"
#include "kvbench/tally.h"
#include "kvbench/server.h"

#define BENCH_LOAD_UNLIMITED UINT64_MAX

/* One thread's part of a phase. */
struct phase {
	uint64_t limit; /* so many requests, or BENCH_LOAD_UNLIMITED */
	int64_t duration_ns; /* none begins after that; 0: no limit */
	double interval_ns; /* between two; 0: a closed loop */
	double offset_ns; /* the first is due so long after the start */
	size_t depth; /* requests under way on a connection */
	bool fill; /* puts each key once */
	bool churn; /* a connection for each request */
};

/* What the threads share. */
struct bench_load_shared {
	const struct workload *workload;
	const struct server *target;
	int timeout_ms; /* for a reply, or a connection */
	bool must_exist; /* a key that is absent is an error */
	atomic_bool stop; /* no more requests */
	atomic_bool failed; /* one thread has: all give up */
};

struct bench_load {
	struct bench_load_shared *shared;
	const struct phase *phase;
	struct bench_conn *conns;
	size_t n_conns;
	TAILQ_HEAD(, bench_conn) ready; /* open loop: those with room */
	struct bench_conn **dirty; /* open loop: those with something to send */
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

int64_t bench_load_clock_ns(void);

/*
 * Returns 0, or -1 with status and error set.  `depth` is the largest of any
 * phase.  bench_load_clear in any case.
 */
int bench_load_init(struct bench_load *, struct bench_load_shared *,
    size_t n_conns, size_t depth);
void bench_load_clear(struct bench_load *);

/* Connects all clients, if they are to stay connected. */
int bench_load_connect(struct bench_load *);
/* Runs a phase to its end; 0, or -1 with status and error set. */
int bench_load_run(struct bench_load *, const struct phase *);

#endif
