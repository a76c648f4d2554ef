/*
 * What kvd counts: the names, and where each number is in an array of all of
 * them (scoreboard_sum() fills it).  Numbers only grow, but for gauges, and
 * begin at 0 when kvd starts.  The restart of a process, or its death at
 * whatever instruction, takes nothing away.
 *
 * Each number has one writer, or few that count seldom:
 *
 *	a worker counts in its own page (common/activity.h), and whoever frees
 *	its slot adds that page to the totals (common/slots.h);
 *	acceptors and the master share a page for what they count, with atomic
 *	additions, for each client that is refused and each restart;
 *	the registry has a page of its own, which its successor continues.
 */

#ifndef COMMON_COUNTERS_H
#define COMMON_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

/* How many commands are told apart.  Number 0 is for lines that are none;
 * proto/command.h has the numbers of the others. */
#define COUNTERS_COMMANDS 40
#define COUNTERS_NO_COMMAND 0

/*
 * A histogram of times has this many buckets.  Bucket i counts what took less
 * than counters_bound_us(i), and no less than the bound before; the last one
 * has no bound.  Behind the buckets comes the sum of all times, in
 * microseconds.
 */
#define COUNTERS_BUCKETS 20
#define COUNTERS_HISTOGRAM (COUNTERS_BUCKETS + 1)

/* Why a connection ended.  The worker says so, unless it was killed. */
enum close_reason {
	CLOSE_FAILED, /* the worker ended without saying why */
	CLOSE_DIED, /* a signal killed the worker, or its acceptor before it
		     * had forked the worker */
	CLOSE_QUIT, /* the client said QUIT, */
	CLOSE_END, /* or shut down its side, */
	CLOSE_BROKEN, /* or the connection broke */
	CLOSE_FIRST_COMMAND, /* first-command-timeout, */
	CLOSE_IDLE, /* idle-timeout, */
	CLOSE_WRITE, /* write-timeout: the client took nothing */
	CLOSE_LAGGED, /* a subscriber was too slow */
	CLOSE_FOREIGN, /* what came is not kvd's protocol */
	CLOSE_DISMISSED, /* this worker alone was told to end */
	CLOSE_SHUTDOWN, /* kvd stopped */
	CLOSE_MEMORY, /* the worker had no memory left */
	CLOSE_REGISTRY, /* the registry sent what it never sends */
	CLOSE_REASONS
};

/* Why a client was refused before it had a worker. */
enum refuse_reason {
	REFUSE_MAX_CLIENTS,
	REFUSE_MAX_CLIENTS_PER_SOURCE,
	REFUSE_SHORTAGE, /* of processes, descriptors or memory */
	REFUSE_SUSPENDED, /* an operator has said so */
	REFUSE_REASONS
};

/* Which process was restarted. */
enum counted_process {
	COUNTED_CHECKPOINTER,
	COUNTED_REGISTRY,
	COUNTED_ACCEPTOR,
	COUNTED_PROCESSES
};

/* Where numbers begin.  A name with a label has one for each label, and a
 * histogram COUNTERS_HISTOGRAM for each. */
enum {
	COUNTER_ACCEPTED, /* scoreboard_sum() makes these two */
	COUNTER_CURRENT,

	/* Of workers: the totals of common/slots.h. */
	COUNTER_WORKERS,
	COUNTER_CLOSED = COUNTER_WORKERS,
	COUNTER_RECEIVED = COUNTER_CLOSED + CLOSE_REASONS,
	COUNTER_SENT,
	COUNTER_LOCAL_HITS,
	COUNTER_ERRORS,
	COUNTER_COMMAND_TIME = COUNTER_ERRORS + COUNTERS_COMMANDS,

	/* Of acceptors and the master. */
	COUNTER_SHARED =
	    COUNTER_COMMAND_TIME + COUNTERS_COMMANDS * COUNTERS_HISTOGRAM,
	COUNTER_REFUSED = COUNTER_SHARED,
	COUNTER_RESTARTS = COUNTER_REFUSED + REFUSE_REASONS,

	/* Of the registry. */
	COUNTER_REGISTRY = COUNTER_RESTARTS + COUNTED_PROCESSES,
	COUNTER_REQUESTS = COUNTER_REGISTRY,
	COUNTER_COMMITS,
	COUNTER_COMMIT_BYTES,
	COUNTER_COMMIT_TIME,
	COUNTER_SYNC_TIME = COUNTER_COMMIT_TIME + COUNTERS_HISTOGRAM,
	COUNTER_EXPIRED = COUNTER_SYNC_TIME + COUNTERS_HISTOGRAM,
	COUNTER_CACHE_HITS,
	COUNTER_CACHE_MISSES,
	COUNTER_REFUSED_WORKERS,
	COUNTER_EVENTS,
	COUNTER_LAGGED,
	COUNTER_FOLDS,
	/* Gauges: the registry sets them at most once a second. */
	COUNTER_SUBSCRIBERS,
	COUNTER_WORKERS_CONNECTED,
	COUNTER_HELD,
	COUNTER_BUCKETS,
	COUNTER_DAMAGED,
	COUNTER_KEYS,
	COUNTER_EXPIRING,
	COUNTER_DROPPED,
	COUNTER_OUTCOMES,
	COUNTER_PINS,
	COUNTER_REVISION,
	COUNTER_FILE_BYTES,
	COUNTER_USED_BYTES,
	COUNTER_LOG_BYTES,
	COUNTER_LOG_SIZE,
	COUNTER_FOLD_DONE,
	COUNTER_FOLD_TOTAL,

	COUNTERS /* the number of all */
};

#define COUNTERS_OF_WORKERS (COUNTER_SHARED - COUNTER_WORKERS)
#define COUNTERS_SHARED (COUNTER_REGISTRY - COUNTER_SHARED)
#define COUNTERS_OF_REGISTRY (COUNTERS - COUNTER_REGISTRY)

enum counter_kind {
	COUNTER_KIND_COUNTER, /* only grows */
	COUNTER_KIND_GAUGE, /* goes up and down */
	COUNTER_KIND_HISTOGRAM, /* times: see COUNTERS_BUCKETS */
};

struct counter_family {
	const char *name; /* words with '-' between; as in STATS */
	const char *help; /* one sentence */
	enum counter_kind kind;
	/* The label that tells its numbers apart; NULL: it has one number.  The
	 * label's n-th value is labels[n].  If `labels` is NULL, the n-th is of
	 * the command of this number (command_counted() in proto/command.h). */
	const char *label;
	const char *const *labels;
	size_t count; /* of values that the label has, or 1 */
	size_t first; /* where its numbers begin */
};

/* The i-th name, in the order in which to show them; NULL: there are fewer. */
const struct counter_family *counters_family(size_t i);
/* The n-th number of this name, or the first of the n-th histogram. */
static inline size_t
counters_place(const struct counter_family *f, size_t n)
{
	return f->first +
	    n * (f->kind == COUNTER_KIND_HISTOGRAM ? COUNTERS_HISTOGRAM : 1);
}

/* The upper bound of a bucket, in microseconds; 0: the last, without one. */
static inline uint64_t
counters_bound_us(size_t bucket)
{
	return bucket == COUNTERS_BUCKETS - 1 ? 0 : UINT64_C(16) << bucket;
}

/* The bucket of a time. */
static inline size_t
counters_bucket(uint64_t us)
{
	size_t bits = us < 16 ? 0 : (size_t)(64 - __builtin_clzll(us / 16));

	return bits < COUNTERS_BUCKETS - 1 ? bits : COUNTERS_BUCKETS - 1;
}

/* Adds `n` times of this length to a histogram. */
static inline void
counters_time(uint64_t *histogram, uint64_t us, uint64_t n)
{
	histogram[counters_bucket(us)] += n;
	histogram[COUNTERS_BUCKETS] += us * n;
}

/* The word for a reason, such as "idle-timeout".  Any number is allowed. */
const char *counters_close_reason(unsigned int reason);

#endif
