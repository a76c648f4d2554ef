/*
 * A thread that drives its share of the clients through the phases of a run.
 * A phase is a closed loop, in which a client sends its next requests when the
 * last ones are answered, or an open loop, in which each request is due at a
 * certain time.
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
#include "kvbench/server.h"
#include "kvbench/tally.h"

#define BENCH_LOAD_UNLIMITED UINT64_MAX

/* The part of one thread in a phase. */
struct phase {
	uint64_t limit; /* of requests, or BENCH_LOAD_UNLIMITED */
	int64_t duration_ns; /* no request starts after it; 0: no limit */
	double interval_ns; /* between two requests; 0: a closed loop */
	double offset_ns; /* when the first is due, from the start on */
	size_t depth; /* requests under way on a connection */
	bool fill; /* puts each key once */
	bool churn; /* uses a new connection for each request */
};

/* What the threads share. */
struct bench_load_shared {
	const struct workload *workload;
	const struct server *server;
	int timeout_ms; /* for a reply, or a connection */
	bool must_exist; /* an absent key is an error */
	atomic_bool stop; /* send no more requests */
	atomic_bool failed; /* a thread has failed: all give up */
};

struct bench_load {
	struct bench_load_shared *shared;
	const struct phase *phase;
	struct bench_conn *conns;
	size_t n_conns;
	/* Of an open loop: clients that can send another request, and clients
	 * that have something to send. */
	TAILQ_HEAD(, bench_conn) ready;
	struct bench_conn **dirty;
	size_t n_dirty;
	int epoll_fd, timer_fd;
	struct keys keys, fill; /* for the mix, and for the fill phase */
	struct random random;
	int64_t now_ns;
	/* When the last reply came, or, if none was due then, when the first
	 * request after it was sent. */
	int64_t heard_ns;
	uint64_t started; /* requests of this phase */
	uint64_t in_flight; /* of them, not answered yet */
	struct tally tally; /* of this phase */
	atomic_ullong done; /* tally.done, for the main thread */
	int status; /* of sysexits.h; the reason is in `error` */
	char error[512];
};

int64_t bench_load_clock_ns(void);

/*
 * Returns 0, or -1 with status and error set.  `depth` is the largest of any
 * phase.  Call bench_load_clear also after -1.
 */
int bench_load_init(struct bench_load *, struct bench_load_shared *,
    size_t n_conns, size_t depth);
void bench_load_clear(struct bench_load *);

/* Connects all clients that stay connected.  Returns 0, or -1 with status and
 * error set. */
int bench_load_connect(struct bench_load *);
/* Runs a phase to its end.  Returns 0, or -1 with status and error set. */
int bench_load_run(struct bench_load *, const struct phase *);

#endif
