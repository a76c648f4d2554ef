/*
 * Supervision of one child as a table of states by events: pure code, with
 * the clock passed in.  A child that ends is restarted at once, like a child
 * of an OTP supervisor, as long as that does not happen too often.  Past that
 * limit each restart is delayed, with an exponential back-off as in Postfix's
 * master(8), or kvd gives up.
 */

#ifndef MASTER_POLICY_H
#define MASTER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* The delay before a restart doubles from the first of these to the second. */
#define POLICY_BACKOFF_MIN_MS 100
#define POLICY_BACKOFF_MAX_MS 30000
/* A child that has lived this long is healthy: the delay begins anew. */
#define POLICY_HEALTHY_MS 60000
/* The time between two attempts to fork.  A failed fork is no crash: it does
 * not count as a restart and does not lengthen the delay. */
#define POLICY_RETRY_MS 250
/* The largest limit of restarts. */
#define POLICY_RESTARTS_MAX 1000

struct policy_rules {
	/* At most this many restarts in a period happen at once. */
	unsigned int restarts; /* 1 to POLICY_RESTARTS_MAX */
	int64_t period_ms;
	bool gives_up; /* beyond that limit, instead of delaying */
	/* How long the child may take before it is killed: */
	int64_t start_ms; /* to become ready, or to say that it is alive */
	int64_t stop_ms; /* to end after SIGTERM */
	int64_t abort_ms; /* to end after SIGABRT, with a core dump */
};

enum policy_state {
	POLICY_IDLE, /* does not run, and is not wanted */
	POLICY_WAITING, /* does not run; is started at the deadline */
	POLICY_STARTING, /* runs, and is not ready yet */
	POLICY_READY,
	POLICY_FAILING, /* was aborted or killed; is to run again */
	POLICY_REPLACING, /* was told to end; is to run again at once */
	POLICY_STOPPING, /* was told to end; is not wanted any more */
	POLICY_STATES
};

enum policy_event {
	POLICY_START, /* the child is wanted from now on */
	POLICY_STOP, /* the child is not wanted any more */
	POLICY_REPLACE, /* the child is to end and another to take its place */
	POLICY_IS_ALIVE, /* the child says that it is at work */
	POLICY_IS_READY, /* the child says that it is ready */
	POLICY_HUNG, /* the child does not answer */
	POLICY_ENDED, /* the child has ended */
	POLICY_ENDED_FOR_GOOD, /* the same, and a restart would not help */
	POLICY_NOT_STARTED, /* fork(2) failed: something is short */
	POLICY_DEADLINE, /* the deadline has passed */
	POLICY_EVENTS
};

/* What the caller has to do. */
enum policy_action {
	POLICY_DO_NOTHING,
	POLICY_DO_START, /* fork; if that fails, POLICY_NOT_STARTED */
	POLICY_DO_TERMINATE, /* SIGTERM */
	POLICY_DO_ABORT, /* SIGABRT */
	POLICY_DO_KILL, /* SIGKILL */
	POLICY_DO_GIVE_UP, /* end the whole server */
	POLICY_DO_RESTART, /* inside the table only, never returned */
	POLICY_DO_COMPLAIN, /* the event cannot happen in this state: a bug */
};

struct policy {
	enum policy_state state;
	int64_t deadline_ms; /* when POLICY_DEADLINE is due, or CLOCK_NEVER */
	int64_t started_ms;
	int64_t backoff_ms; /* the last delay; 0: restarts are not delayed */
	/* A ring of the times of the last restarts, of rules->restarts. */
	unsigned int size, count, next;
	int64_t restarts_ms[POLICY_RESTARTS_MAX];
};

void policy_init(struct policy *);
/* Takes note of an event at `now_ms`; returns what the caller has to do. */
enum policy_action policy_step(struct policy *, const struct policy_rules *,
    enum policy_event, int64_t now_ms);
/* Is there a process in this state? */
bool policy_runs(const struct policy *);

#endif
